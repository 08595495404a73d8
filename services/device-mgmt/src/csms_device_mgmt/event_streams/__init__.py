"""Periodic event streams of OCPP 2.1 (N11 to N15): which are open, of which variables, and their values over time."""
