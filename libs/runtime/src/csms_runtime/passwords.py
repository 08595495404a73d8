"""Station passwords, kept and compared as keyed digests.

A station's password is random and long (OCPP A00.FR.206: at least 16 characters), so that a fast keyed hash is safe and
the whole fleet may reconnect at once without burning the processor. The digest is keyed by the deployment's secret and
bound to the station, so that two stations with one password do not look alike and a stolen table cannot be searched.
"""

import hmac
from collections.abc import Iterable

MIN_LENGTH = 16
"""Fewest characters of a Basic auth password (A00.FR.206)."""
MAX_LENGTH = 64
"""Most characters of BasicAuthPassword in OCPP 2.1; 2.0.1 says 40, a station may refuse a longer one."""
_MIN_HEX = 32
"""A 1.6 AuthorizationKey is 16 to 20 bytes, written as 32 to 40 hexadecimal digits."""


def digest(key: bytes, station_id: str, password: bytes) -> bytes:
    """Return the digest to store for a password, 32 bytes: of what its hexadecimal digits stand for, if it is such.

    HMAC-SHA256 over the station's id, a NUL and the password. OCPP 1.6's AuthorizationKey is set as hexadecimal digits
    but sent as the bytes they stand for, while some stations send the digits: this form is among the `digests` of both.
    """
    unhexed = _unhex(password)
    return _hmac(key, station_id, password if unhexed is None else unhexed)


def digests(key: bytes, station_id: str, password: bytes) -> list[bytes]:
    """Return a digest for each way the bytes of a Basic auth header may be read, first as they are."""
    found = [_hmac(key, station_id, password)]
    unhexed = _unhex(password)
    if unhexed is not None:
        found.append(_hmac(key, station_id, unhexed))
    return found


def matches(stored: bytes, candidates: Iterable[bytes]) -> bool:
    """Whether a candidate is the stored digest, in the same time whichever it is. False if nothing is stored."""
    found = False
    for candidate in candidates:
        found |= hmac.compare_digest(stored, candidate)
    return found and bool(stored)


def _hmac(key: bytes, station_id: str, password: bytes) -> bytes:
    return hmac.digest(key, station_id.encode() + b"\0" + password, "sha256")


def _unhex(password: bytes) -> bytes | None:
    if len(password) < _MIN_HEX or len(password) % 2:
        return None
    try:
        return bytes.fromhex(password.decode("ascii")) if password.isalnum() else None
    except ValueError:  # UnicodeDecodeError is one too
        return None
