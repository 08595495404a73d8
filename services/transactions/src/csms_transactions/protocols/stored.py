"""Reading stored events again, by the version they came in."""

from collections.abc import Callable, Mapping

from csms_db.packed import unpack
from csms_ocpp.versions import Protocol

from csms_transactions.domain.events import TransactionEvent
from csms_transactions.protocols import ocpp201

_READERS: Mapping[str, Callable[[bytes], ocpp201.Told]] = {Protocol.OCPP201: ocpp201.event_as_sent}


def read_event(protocol: str, packed: bytes) -> TransactionEvent:
    """The event in a payload as it is stored. Raises KeyError for a protocol whose events are never stored."""
    return _READERS[protocol](unpack(packed)).event
