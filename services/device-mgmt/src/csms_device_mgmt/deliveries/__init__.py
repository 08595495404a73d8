"""Calls that wait for their station to come back."""
