"""What a handler of a station's CALL is given, and what it is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from csms.v1.bus_pb2 import Record
from csms_ocpp.times import parse_datetime
from csms_runtime import heavy
from csms_runtime.clock import from_ms

from csms_device_mgmt.boot.progress import Place
from csms_device_mgmt.json import loads
from csms_device_mgmt.redacted import Shown, shown, without_secrets
from csms_device_mgmt.unit import Unit

T = TypeVar("T")


@dataclass(slots=True)
class StationMessage:
    """A station's CALL, valid by its schema."""

    record_id: str
    """The same when the record is read again."""
    station_id: str
    protocol: str
    action: str
    payload: Mapping[str, Any]
    raw: bytes = field(repr=False)
    """The payload as the station sent it."""
    received_at: datetime
    place: Place
    """The connection it came on."""
    security_profile: int = 0
    """Of that connection."""
    certificate_common_name: str = ""
    """The CN of the certificate it was opened with; empty: none was."""
    size: int = 0
    """Of the payload as it came, in bytes."""
    _shown: Shown | None = field(default=None, init=False, repr=False)

    async def shown(self) -> Shown:
        """Return the payload without secrets, with its texts."""
        if self._shown is None:
            self._shown = await self.work(partial(shown, self.protocol, self.action, self.payload))
        return self._shown

    async def redacted(self) -> Mapping[str, Any]:
        """Return the payload without secrets, where its texts are not needed: a large one's take twice its size."""
        if self._shown is not None:
            return self._shown.payload
        return await self.work(partial(without_secrets, self.protocol, self.action, self.payload))

    async def work(self, work: Callable[[], T]) -> T:
        """Do work that grows with the payload and only computes; see csms_runtime.heavy."""
        return await heavy.run(self.size, work)

    def moment(self, text: str) -> datetime:
        """Read one of the station's own times; if it makes no sense, the time of receipt, for that is the next best."""
        return self.readable(text) or self.received_at

    def readable(self, text: str) -> datetime | None:
        """Read one of the station's own times; None: it makes no sense."""
        try:
            return parse_datetime(text)
        except ValueError:
            return None


async def station_message(record: Record) -> StationMessage:
    """Read a record with a `station_call`."""
    call = record.station_call
    size = len(call.payload)
    return StationMessage(
        record_id=record.record_id,
        station_id=record.station_id,
        protocol=call.protocol,
        action=call.action,
        payload=await heavy.run(size, partial(loads, call.payload)),
        raw=call.payload,
        received_at=from_ms(call.received_at_ms),
        place=Place(call.reply_to.partition, call.gateway_epoch, call.connection_id, call.connection_number),
        security_profile=call.security_profile,
        certificate_common_name=call.certificate_common_name,
        size=size,
    )


Answer = dict[str, Any]
"""A response payload."""

Handler = Callable[[Unit, StationMessage], Awaitable[Answer]]
"""Does what a message asks for in the unit's transaction and returns the answer. May raise OcppError, which becomes a
CALLERROR and still lets the transaction commit; anything else rolls it back."""
