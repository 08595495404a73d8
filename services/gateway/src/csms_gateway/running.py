"""Which transactions of a station run, as far as its messages on one connection tell.

The gateway keeps nothing and asks nobody: it looks for the few texts that say it in the payload, which is valid by its
schema. What is not found leaves a station as one that charges. A set is shared by all that have the same, and most have
the empty one.
"""

import re

NONE: frozenset[bytes] = frozenset()
MOST = 32
"""Transactions of a station that are remembered."""

_FAR = 64 * 1024
"""Bytes of a payload that are looked at."""
_TEXT = re.compile(rb'\s*:\s*"([^"\\]*)"')
_ID = b'"transactionId"'
_ANY = frozenset({b""})


def after_event(running: frozenset[bytes], payload: bytes) -> frozenset[bytes]:
    """Return what runs after a TransactionEvent of OCPP 2.x."""
    # To look for the value first is quicker: few events have it.
    may_end = payload.find(b'"Ended"', 0, 2 * _FAR) >= 0
    if not may_end and len(running) == 1 and _is_first_text(payload, _ID, *running):  # the usual event
        return running
    transaction_id = _text(payload, _ID)
    if may_end and _text(payload, b'"eventType"') == b"Ended":
        return running - {transaction_id} if transaction_id in running else running
    if transaction_id in running or len(running) >= MOST:
        return running
    return running | {transaction_id}


def after_start(_running: frozenset[bytes], _payload: bytes) -> frozenset[bytes]:
    """Return what runs after a StartTransaction of OCPP 1.6, which does not know the transaction's id yet."""
    return _ANY


def after_stop(_running: frozenset[bytes], _payload: bytes) -> frozenset[bytes]:
    """Return what runs after a StopTransaction of OCPP 1.6: nothing, as if the station had one connector."""
    return NONE


def _is_first_text(payload: bytes, name: bytes, text: bytes) -> bool:
    """Whether `_text` would find this text, written without blanks: that is told without a regular expression."""
    at = payload.find(name, 0, _FAR)
    return at >= 0 and payload.startswith(b':"%b"' % text, at + len(name))


def _text(payload: bytes, name: bytes) -> bytes:
    """Return the first text of this name as it is written; empty when there is none."""
    at = payload.find(name, 0, _FAR)
    found = _TEXT.match(payload, at + len(name)) if at >= 0 else None
    return b"" if found is None else found[1]
