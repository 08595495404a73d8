"""Whether a payload may hold secrets: asked of every message, so the answer is quick and rather yes than no.

What exactly is secret in a payload `csms_ocpp.redaction` knows. This looks at the bytes alone, in a time that grows
with their number, so that nobody can make the question expensive.
"""

_SIGNS = (
    b"password",
    b"authorizationkey",
    b"vpn",
    b"simpin",
    b"keycode",
    b"private key",
    b"@",  # user information in a URL, whose slashes JSON may escape
    b"\\u",  # letters of any of these, written as JSON's escapes
    b"\xe2\x84\xaa",  # the Kelvin sign and the long s, which are "k" and "s" where case does not count
    b"\xc5\xbf",
)
"""In lower case; one of them is in each payload of which `redaction.redact` masks something."""


def may_hold_secrets(payload: bytes) -> bool:
    """Whether a JSON payload may hold a password, a key or a key code; False: it holds none."""
    lowered = payload.lower()
    return any(sign in lowered for sign in _SIGNS)
