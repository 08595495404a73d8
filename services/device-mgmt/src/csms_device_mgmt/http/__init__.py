"""The HTTP API of this service: one file a resource."""
