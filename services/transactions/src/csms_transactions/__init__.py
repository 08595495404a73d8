"""Transactions: what stations tell about charging, kept event by event, and the requests that start and stop it."""
