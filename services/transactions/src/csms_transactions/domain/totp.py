"""Time-based one-time passwords in the URLs of QR codes that stations show (C25 of OCPP 2.1). Pure."""

import hmac
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

VERSION = "v1"
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ALPHABETS = (f"0123456789{_LETTERS.replace('o', '')}", f"0123456789{_LETTERS}")
"""The standard's text calls its characters base62 and leaves an o out: stations may have either."""
_INTERVAL_BYTES = 8
_OFFSET_BITS = 0x0F


class Totp(NamedTuple):
    """What a station and the CSMS share: the variables of WebPaymentsCtrlr."""

    shared_secret: str
    validity_time_s: int
    """Seconds that a code holds."""
    length: int
    """Characters of a code."""

    def is_valid(self, code: str, now: datetime) -> bool:
        """Whether a code is that of now, or of the interval before or after: clocks differ."""
        interval = int(now.timestamp()) // self.validity_time_s
        found = [hmac.compare_digest(code.encode(), each.encode()) for each in self._codes(interval)]
        return any(found)  # all are compared: how long it takes says nothing

    def _codes(self, interval: int) -> Iterator[str]:
        for at in (interval, interval - 1, interval + 1):
            for alphabet in _ALPHABETS:
                yield self.code(at, alphabet)

    def code(self, interval: int, alphabet: str = _ALPHABETS[0]) -> str:
        """Return the code of an interval, which is the Unix time divided by `validity_time_s`."""
        digest = hmac.digest(self.shared_secret.encode(), interval.to_bytes(_INTERVAL_BYTES), "sha256")
        offset = digest[-1] & _OFFSET_BITS
        places = ((offset + number) % len(digest) for number in range(self.length))
        return "".join(alphabet[digest[place] % len(alphabet)] for place in places)
