"""Which stations are connected, and who was not let in."""
