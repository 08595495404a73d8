"""What is kept of key codes: a keyed digest each, so that nobody can be told a code, not even by the database.

A key code is a secret that a driver types (C04). It is compared by its digest, which takes the place of its id wherever
auth stores, orders or lists tokens. HMAC-SHA256 under the deployment's secret: codes are short, without the key all of
them could be tried.
"""

import hmac
import re

from csms_runtime.secret_keys import SecretKeys

from csms_auth.domain.tokens import KEY_CODE, TokenRef

_PURPOSE = b"csms key codes"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class KeyCodes:
    """Puts digests in the place of key codes. Pure."""

    def __init__(self, keys: SecretKeys) -> None:
        self._keys = [hmac.digest(key, _PURPOSE, "sha256") for key in keys.every]
        """Keys of their own, made of the secret ones."""
        self.secret_key_id = keys.current_id
        """Of the key that `hidden` uses."""

    def hidden(self, ref: TokenRef) -> TokenRef:
        """Return the token as it is stored: a key code by its digest, in hexadecimal; any other as it is."""
        return self.readings(ref)[0]

    def readings(self, ref: TokenRef) -> list[TokenRef]:
        """Return all forms in which the token may be stored: a key code by a digest for each key, the current first."""
        if ref.type != KEY_CODE:
            return [ref]
        code = ref.key.encode()
        return [TokenRef(KEY_CODE, hmac.digest(key, code, "sha256").hex()) for key in self._keys]


def is_hidden(ref: TokenRef) -> bool:
    """Whether a stored token is no key code in the clear."""
    return ref.type != KEY_CODE or _DIGEST.fullmatch(ref.id_token) is not None
