"""Counts the fleet for the metrics and for `/fleet/summary`."""
