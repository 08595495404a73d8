"""Which station identities can be created: those with which a gateway lets stations connect."""

MAX_LENGTH = 48
"""Of an OCPP identity, in characters."""
RULE = f"1 to {MAX_LENGTH} printable characters, no colon, no slash, and is not . or .."


def is_station_id(text: str) -> bool:
    """Whether a station of this identity can exist.

    OCPP's identifierString and more: stations in the field have spaces and letters of any language. A colon would
    separate name and password in Basic auth (A00.FR.207), a slash the segments of a path, of which . and .. are steps.
    """
    is_text = text.isprintable() and not text.isspace()
    return 0 < len(text) <= MAX_LENGTH and is_text and not {":", "/"} & set(text) and text not in {".", ".."}
