"""Tokens in events: asking auth about them, keeping what it decided, counting where a token is in use."""
