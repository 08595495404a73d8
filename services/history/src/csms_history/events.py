"""Domain events as handlers get them (`csms_history.consumers`)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from csms.v1.events_pb2 import DomainEvent
from csms_db.engine import WriteSession
from csms_runtime.clock import from_ms
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_MOMENT = "_at_ms"


@dataclass(frozen=True, slots=True)
class Event:
    """One domain event. It may come twice, and late."""

    topic: str
    """What gateways say on events.gateway, nobody has checked: also not whose it is."""
    type: str
    """The name of its field in `DomainEvent`: "station_connected"."""
    body: DomainEvent

    @property
    def content(self) -> Message:
        """The message of its type."""
        found: Message = getattr(self.body, self.type)
        return found


Handler = Callable[[WriteSession, Sequence[Event]], Awaitable[None]]
"""Keeps what it wants of some events, all of its types in a batch, in the order they came per station.

They are handled in one database transaction. What it raises makes the batch come again, one by one.
"""


def shown(message: Message) -> dict[str, Any]:
    """Return a message as it is shown in JSON, without what is not set.

    Names are those of the fields; `..._at_ms` is `..._at`, a time in RFC 3339; bytes are JSON; enums are the
    end of their name, in lower case.
    """
    return dict(_shown(field, value) for field, value in message.ListFields())


def _shown(field: FieldDescriptor, value: Any) -> tuple[str, Any]:  # noqa: ANN401 by the field
    name = field.name
    if name.endswith(_MOMENT):
        return name.removesuffix("_ms"), from_ms(value).isoformat()
    if kind := field.enum_type:
        return name, kind.values_by_number[value].name.removeprefix(f"{kind.name.upper()}_").lower()
    if field.type == FieldDescriptor.TYPE_BYTES:
        return name, orjson.loads(value)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return name, dict(value)
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return name, [shown(one) for one in value] if _is_list(field) else shown(value)
    return name, list(value) if _is_list(field) else value


def _is_list(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated)
