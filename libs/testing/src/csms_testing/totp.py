"""The one-time password in a station's QR code (C25 of OCPP 2.1), made apart from the CSMS."""

import hashlib
import hmac
import struct
from datetime import UTC, datetime

_CHARACTERS = "0123456789abcdefghijklmnpqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def code(shared_secret: str, *, validity_time_s: int, length: int, at: datetime | None = None) -> str:
    """Return the password that a station shows at that time; None: now."""
    seconds = (at or datetime.now(UTC)).timestamp()
    message = struct.pack(">Q", int(seconds // validity_time_s))
    found = hmac.new(shared_secret.encode(), message, hashlib.sha256).digest()
    first = found[31] % 16
    return "".join(_CHARACTERS[found[(first + number) % 32] % 61] for number in range(length))
