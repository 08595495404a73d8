"""The tables of device management and the statements on them. Every function runs in the caller's transaction."""
