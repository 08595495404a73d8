"""What a text from outside may hold: one rule for what can be stored, one for what is shown on a terminal."""

import re

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""PostgreSQL's text has no NUL; half of a surrogate pair is no character, and UTF-8 has none."""
_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What makes a terminal do something, or shows text in another order than it has. A tab does no harm."""

NO_NUL = r"^[^\x00]*$"
"""For an API's document: the request as a whole is checked for it (csms_runtime.http.json_body)."""


def is_storable(text: str) -> bool:
    """Whether a database takes the text: it has no NUL and no half of a surrogate pair."""
    return _UNSTORABLE.search(text) is None


def storable(text: str) -> str:
    """Return the text with a replacement character (U+FFFD) for each one that cannot be stored."""
    return _UNSTORABLE.sub(_REPLACEMENT, text)


def for_terminal(text: str) -> str:
    """Return the text with each control character, line ends too, as its escape in Python: ESC becomes 4 characters."""
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def escaped_json(text: str) -> str:
    """Return JSON in which control characters are escaped, also those that JSON allows in a text as they are."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
