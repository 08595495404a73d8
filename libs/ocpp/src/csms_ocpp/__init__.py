"""OCPP 1.6, 2.0.1 and 2.1 without I/O: frames, error codes, actions, validation, and the session of one connection."""
