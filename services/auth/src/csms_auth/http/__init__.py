"""The HTTP API of auth: ID tokens and station credentials."""
