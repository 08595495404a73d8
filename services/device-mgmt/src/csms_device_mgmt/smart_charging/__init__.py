"""Limits and setpoints of stations."""
