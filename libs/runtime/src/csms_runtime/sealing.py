"""Sealing what must not lie readable on a topic or in an outbox: passwords of stations, key codes of drivers.

All services share CSMS_SECRET_KEY; what one of them seals, each of them can open, and nobody else.
"""

import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from csms_runtime import metrics
from csms_runtime.secret_keys import SecretKeys

_VERSION = b"\x01"
_NONCE_BYTES = 12
_PURPOSE = b"csms sealed payload 1"


class CannotOpen(Exception):  # noqa: N818 says what is the case
    """It was sealed with another key or for another purpose, or was changed."""


class Sealer:
    """Seals and opens with AES-256-GCM, under a key that HKDF (RFC 5869) makes of the deployment's secret.

    Nonces are random: NIST SP 800-38D allows 2^32 of them with one key, which a thousand a second reach in 50 days of
    nothing but secrets; a new CSMS_SECRET_KEY begins anew.
    """

    def __init__(self, keys: SecretKeys) -> None:
        """Seals with the current key; what was sealed with any of them is opened."""
        self._cipher, *self._others = map(_cipher, keys.every)

    def seal(self, plain: bytes, *context: str) -> bytes:
        """Return `plain` sealed, 29 bytes longer. It opens with the same context alone: whose it is, which one."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, _bound_to(context))

    def open(self, sealed: bytes, *context: str) -> bytes:
        """Return what was sealed. Raises CannotOpen."""
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if not sealed.startswith(_VERSION) or len(nonce) < _NONCE_BYTES:
            raise CannotOpen("this is nothing that was sealed")
        for cipher in (self._cipher, *self._others):
            try:
                plain = cipher.decrypt(nonce, rest, _bound_to(context))
            except InvalidTag:
                continue
            if cipher is not self._cipher:
                metrics.SECRET_KEY_OTHERS_USED.labels("sealed").inc()
            return plain
        raise CannotOpen("it was sealed with another CSMS_SECRET_KEY, or for something else")


def _cipher(key: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(key))


def _bound_to(context: Sequence[str]) -> bytes:
    """Return the context so that no two are the same bytes."""
    return b"".join(len(each.encode()).to_bytes(4) + each.encode() for each in context)
