"""Makes texts of frames without secrets, to be kept and shown. A frame may be any text."""

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from csms_ocpp.redaction import MASK, mask, may_hold_secret_as_sent, redact, secrets_in
from csms_ocpp.versions import Protocol


class Masked(NamedTuple):
    """A frame that may be kept."""

    text: bytes
    secrets: tuple[str, ...]
    """What was masked: an answer to this frame may repeat it."""


def masked(protocol: Protocol, text: bytes, secrets: Sequence[str] = ()) -> Masked:
    """Return a frame's text, with "***" for each secret (`csms_ocpp.redaction`), and for each of `secrets` in it.

    A text without any word that stands beside a secret stays byte for byte. One that has such a word, or an escape that
    may hide it, is written anew; one that cannot be read is then masked as a whole. The time grows with the text.
    """
    found: tuple[str, ...] = ()
    if may_hold_secret_as_sent(text):
        text, found = _redacted(protocol, text)
    return Masked(mask(text.decode(errors="replace"), secrets).encode() if secrets else text, found)


def _redacted(protocol: Protocol, text: bytes) -> Masked:
    try:
        frame = orjson.loads(text)
        return Masked(orjson.dumps(redact(protocol, "", frame)), secrets_in(protocol, "", frame))
    except (ValueError, TypeError):  # no JSON, or nested too deeply to be written
        return Masked(MASK.encode(), ())
