"""How much is kept of what stations did, and for how long."""
