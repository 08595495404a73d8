"""Swaps of batteries at stations that have some to give (OCPP 2.1, block S)."""
