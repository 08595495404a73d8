"""What is kept of key codes: a keyed digest each, so that nobody can be told a code, not even by the database.

A key code is a secret that a driver types (C04). It is compared by its digest, which takes the place of its id wherever
auth stores, orders or lists tokens. HMAC-SHA256 under the deployment's secret: codes are short, without the key all of
them could be tried.
"""

import hmac
import re

from csms_auth.domain.tokens import KEY_CODE, TokenRef

_PURPOSE = b"csms key codes"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class KeyCodes:
    """Puts digests in the place of key codes. Pure."""

    def __init__(self, secret_key: bytes) -> None:
        """`secret_key`: CSMS_SECRET_KEY, of which a key of its own is made."""
        self._key = hmac.digest(secret_key, _PURPOSE, "sha256")

    def hidden(self, ref: TokenRef) -> TokenRef:
        """Return the token as it is stored: a key code by its digest, in hexadecimal; any other as it is."""
        if ref.type != KEY_CODE:
            return ref
        return TokenRef(KEY_CODE, hmac.digest(self._key, ref.key.encode(), "sha256").hex())


def is_hidden(ref: TokenRef) -> bool:
    """Whether a stored token is no key code in the clear."""
    return ref.type != KEY_CODE or _DIGEST.fullmatch(ref.id_token) is not None
