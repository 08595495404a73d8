"""Transactions: keeps what stations tell about charging, event by event; requests that start and stop it."""
