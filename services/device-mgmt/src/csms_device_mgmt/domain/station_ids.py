"""Which station identities can be created."""

import re

PATTERN = r"^[A-Za-z0-9*\-_=+|@.]{1,48}$"
"""OCPP's identifierString without the colon, which separates name and password in Basic auth (A00.FR.207)."""


def is_station_id(text: str) -> bool:
    """Whether a station of this identity can exist."""
    return re.fullmatch(PATTERN, text) is not None
