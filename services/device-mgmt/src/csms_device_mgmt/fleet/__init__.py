"""Counts the fleet for the metrics."""
