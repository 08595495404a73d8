"""The deployment's secret key, and the keys beside it while it is being replaced by another.

What is new is made with the current key; what was made with any of them is taken. So a key is replaced without a new
password for any station: docs/runbooks/rotate-secret-key.md.
"""

import hmac
from dataclasses import dataclass, field

_PURPOSE = b"csms id of a secret key"
_ID_BYTES = 4


@dataclass(frozen=True, slots=True)
class SecretKeys:
    """The keys of a deployment. A repr of them does not show them."""

    current: bytes = field(repr=False)
    """CSMS_SECRET_KEY."""
    others: tuple[bytes, ...] = field(default=(), repr=False)
    """CSMS_SECRET_KEY_OTHERS: the next key, before it is the current one; the former ones, after."""

    @property
    def every(self) -> tuple[bytes, ...]:
        """All keys, the current one first."""
        return self.current, *self.others

    @property
    def current_id(self) -> str:
        """See `key_id`; of the current one."""
        return key_id(self.current)


def key_id(key: bytes) -> str:
    """Return eight hexadecimal digits that tell one key from others, and of which nobody finds the key."""
    return hmac.digest(key, _PURPOSE, "sha256")[:_ID_BYTES].hex()
