"""Templates: what stations are to be configured to, how far they are from it, and setting it."""
