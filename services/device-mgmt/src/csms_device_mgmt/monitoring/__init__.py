"""Messages that are kept as they came, and rules of monitoring (N02 to N08, P02)."""
