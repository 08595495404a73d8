"""Which identities stations can have: one rule for whoever connects, and for whatever names a station."""

import re
import string
from collections.abc import Callable

MAX_LENGTH = 48
"""Of an OCPP identity, in characters (Part 4, 3.1.1)."""
RULE = (
    f"1 to {MAX_LENGTH} printable characters, no colon, no slash, no blank at either end, and not . or ..; "
    "A to Z and a to z are the same letters"
)
_USUAL = re.compile(rf"[0-9A-Za-z_+*-][0-9A-Za-z_+*.-]{{0,{MAX_LENGTH - 1}}}")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_FAULTS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("is empty", lambda text: not text),
    (f"is longer than {MAX_LENGTH} characters", lambda text: len(text) > MAX_LENGTH),
    # It separates user name and password in Basic authentication (A00.FR.207).
    ("contains a colon", lambda text: ":" in text),
    ("contains a slash", lambda text: "/" in text),  # the HTTP API could not name it
    # Whoever follows them would reach something else.
    ("is a step in a path, not a name", lambda text: text in {".", ".."}),
    # It stands where somebody could not decode what was there.
    ("is not UTF-8", lambda text: _REPLACEMENT in text),
    ("contains characters that cannot be printed", lambda text: not text.isprintable()),
    ("begins or ends with a blank", lambda text: text != text.strip()),
)


def fault_of(identity: str) -> str:
    """Say what keeps a text from being a station's identity, behind "the identity"; empty: nothing does.

    OCPP's identifierString and more: stations in the field have spaces and letters of any language. What looks like
    another identity is none: people would take it for that one.
    """
    if _USUAL.fullmatch(identity):  # as nearly all are, and one is asked about for each record
        return ""
    return next((fault for fault, has in _FAULTS if has(identity)), "")


_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def key(identity: str) -> str:
    """Return what identities are compared by: OCPP's identifierString has no case (Part 2, 2.1.2).

    It has ASCII letters only. Others keep their case, so that databases (`lower` in the C locale) agree with this.
    """
    return identity.lower() if identity.isascii() else identity.translate(_LOWER)


def checked(identity: str) -> str:
    """Return an identity that stations can have. Raises ValueError that says what is wrong."""
    fault = fault_of(identity)
    if fault:
        raise ValueError(f"the identity {fault}; it has {RULE}")
    return identity
