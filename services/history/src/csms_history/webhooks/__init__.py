"""Webhooks: events are sent to others by HTTP, signed, at least once and in order per station."""
