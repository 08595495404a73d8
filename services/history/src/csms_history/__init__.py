"""Keeps what happened, and shows it."""
