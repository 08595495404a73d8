"""Adapters between the JSON of one OCPP version and the domain."""
