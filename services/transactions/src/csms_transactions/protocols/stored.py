"""Reading stored events again, by the version they came in."""

from collections.abc import Callable, Mapping

import orjson
from csms_db.packed import unpack
from csms_ocpp.versions import Protocol

from csms_transactions.domain.events import TransactionEvent
from csms_transactions.protocols import ocpp201

_READERS: Mapping[str, Callable[[ocpp201.Json], ocpp201.Told]] = {Protocol.OCPP201: ocpp201.transaction_event}


def read_event(protocol: str, packed: bytes) -> TransactionEvent:
    """The event in a payload as it is stored. Raises KeyError for a protocol whose events are never stored."""
    return _READERS[protocol](orjson.loads(unpack(packed))).event
