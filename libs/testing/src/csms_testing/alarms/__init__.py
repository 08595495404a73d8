"""Alarm drills: a real Prometheus scrapes a running cluster, each fault is made, its alerts must fire and resolve.

`python -m csms_testing.alarms` runs them. Debian's package `prometheus` is needed, and what the fault drills need.
"""
