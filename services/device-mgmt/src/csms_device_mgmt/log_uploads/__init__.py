"""A receiver for the logs of stations: where they upload to when GetLog names no other server (N01)."""
