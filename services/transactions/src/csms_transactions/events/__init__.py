"""Stores the events of a batch: finds those that are new, changes their transactions, writes both."""
