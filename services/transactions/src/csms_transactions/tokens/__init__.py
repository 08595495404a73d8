"""Tokens in events: has auth decide, keeps the decisions, counts the transactions a token is in."""
