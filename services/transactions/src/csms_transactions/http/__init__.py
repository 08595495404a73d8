"""The HTTP API: /transactions, remote start and stop."""
