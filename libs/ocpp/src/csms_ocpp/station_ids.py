"""Says which identities stations can have. The rule is the same for connections and for all that names a station."""

import re
import string
from collections.abc import Callable

MAX_LENGTH = 48
"""Characters in an OCPP identity (Part 4, 3.1.1)."""
RULE = (
    f"1 to {MAX_LENGTH} printable characters, no colon, no slash, no blank at either end, and not . or ..; "
    "A to Z and a to z are the same letters"
)
_USUAL = re.compile(rf"[0-9A-Za-z_+*-][0-9A-Za-z_+*.-]{{0,{MAX_LENGTH - 1}}}")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_FAULTS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("is empty", lambda text: not text),
    (f"is longer than {MAX_LENGTH} characters", lambda text: len(text) > MAX_LENGTH),
    # A colon separates user name and password in Basic authentication (A00.FR.207).
    ("contains a colon", lambda text: ":" in text),
    ("contains a slash", lambda text: "/" in text),  # the HTTP API could not name it
    # Who follows such a path reaches something else.
    ("is a step in a path, not a name", lambda text: text in {".", ".."}),
    # This character stands where a text could not be decoded.
    ("is not UTF-8", lambda text: _REPLACEMENT in text),
    ("contains characters that cannot be printed", lambda text: not text.isprintable()),
    ("begins or ends with a blank", lambda text: text != text.strip()),
)


def fault_of(identity: str) -> str:
    """Return why a text can't be a station's identity, as the end of a sentence about "the identity". Empty: it can.

    More is allowed than OCPP's identifierString: real stations have spaces and letters of any language. A text that
    looks like another identity is refused: people would take it for the other one.
    """
    if _USUAL.fullmatch(identity):  # a quick way for nearly all: this is called for each record
        return ""
    return next((fault for fault, has in _FAULTS if has(identity)), "")


_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def key(identity: str) -> str:
    """Return the form in which identities are compared: OCPP's identifierString has no case (Part 2, 2.1.2).

    Only ASCII letters lose their case, as with `lower` in the C locale of databases.
    """
    return identity.lower() if identity.isascii() else identity.translate(_LOWER)


def checked(identity: str) -> str:
    """Return an identity that stations can have. Raises ValueError with what is wrong."""
    fault = fault_of(identity)
    if fault:
        raise ValueError(f"the identity {fault}; it has {RULE}")
    return identity
