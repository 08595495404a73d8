"""The gateway's HTTP API: what it knows about its own connections."""
