"""Signatures of Standard Webhooks 1.0: HMAC-SHA256 over id, time and body, with each secret that is valid. Pure."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping

PREFIX = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 24, 64
"""Of a secret, as the standard has it."""


def new_secret() -> str:
    """Return a new secret: `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """Return the bytes that a secret signs with. Raises ValueError for one that is none; it is not in the text."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret is whsec_ and base64") from error
    if not secret.startswith(PREFIX) or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise ValueError(f"a secret is whsec_ and {_LEAST_BYTES} to {_MOST_BYTES} bytes in base64")
    return key


def headers(message_id: str, timestamp_s: int, body: bytes, keys: Iterable[bytes]) -> Mapping[str, str]:
    """Return the headers of a message. `timestamp_s` is the Unix time of this attempt."""
    signed = b".".join([message_id.encode(), str(timestamp_s).encode(), body])
    signatures = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in signatures),
    }
