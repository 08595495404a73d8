"""The JSON form of a domain event: CloudEvents 1.0, the same on Server-Sent Events, webhooks and topics of JSON.

It is made from the protobuf message: names are those of its fields, in its order; times lose `_ms` for `_at` and are
RFC 3339 in UTC; of a transaction, names are those of GET /transactions/{id}. Every field is always there. What is not
known is null: an empty text, a time of 0, and a number of 0 where 0 says nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypedDict, cast

import orjson
from csms.v1.events_pb2 import DomainEvent
from csms_runtime.clock import from_ms
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from csms_bus.topics import CATALOGUE

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/cloudevents+json"
JSON = "application/json"

Json = Any
"""A value of JSON."""


class Event(TypedDict, total=False):
    """A CloudEvents event. `subject` is the station, absent where it is about none; `type` is the event's name."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    data: dict[str, Json]


SOURCES: Mapping[str, str] = {
    topic.name: f"/csms/{topic.producers[0]}" for topic in CATALOGUE if "event" in topic.bodies
}
"""CloudEvents' `source`, by topic: who publishes it. With `id` it names the event; repeats have the same."""


def as_json(event: DomainEvent, topic: str) -> Event | None:
    """Return an event of a topic as JSON; None: this version does not know what it says. Only computes.

    Raises KeyError for a topic without domain events.
    """
    name = event.WhichOneof("event")
    if name is None:
        return None
    told: Event = {
        "specversion": SPEC_VERSION,
        "id": event.event_id,
        "source": SOURCES[topic],
        "type": name,
        "time": _rfc3339(event.occurred_at_ms),
        "datacontenttype": JSON,
        "data": data_of(getattr(event, name)),
    }
    if event.station_id:
        told["subject"] = event.station_id
    return told


def data_of(message: Message) -> dict[str, Json]:
    """Return a message's JSON form."""
    return {field.name: field.read(message) for field in fields_of(message.DESCRIPTOR)}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the JSON form of a message."""

    name: str
    read: Callable[[Message], Json]
    schema: Mapping[str, Json]
    """Its JSON Schema; another message is a `$ref` to its name."""
    message: Descriptor | None = None
    """That other message."""


@cache
def fields_of(descriptor: Descriptor) -> tuple[Field, ...]:
    """Return the fields of a message's JSON form, in order."""
    return tuple(_field(field) for field in descriptor.fields)


_NAMES = {
    "Transaction.meter_start_wh": "meter_start",
    "Transaction.meter_stop_wh": "meter_stop",
    "Transaction.time_spent_charging_s": "time_spent_charging",
    "Gap.first_seq_no": "first",
    "Gap.last_seq_no": "last",
    "CertificateIssued.not_after_ms": "not_after",
}
"""Where a name is not that of the field."""
_NEVER_EMPTY = frozenset(
    {
        "AuthorizationDecided.status", "AuthorizationDecided.purpose", "AuthorizationDecided.id_token",
        "CertificateIssued.certificate_type", "CertificateIssued.serial_number", "CertificateIssued.subject",
        "CertificateRefused.certificate_type", "CertificateRefused.reason", "CertificateRevoked.serial_number",
        "CommandCompleted.call_id", "CommandCompleted.action", "CommandCompleted.outcome", "CommandCompleted.origin",
        "CommandCompleted.completed_at_ms", "ConfigurationChanged.call_id",
        "ConnectionRefused.reason",
        "ConnectorStatusChanged.status", "ConnectorStatusChanged.reported_at_ms",
        "IdTokenChanged.id_token", "IdTokenChanged.type", "IdTokenChanged.status",
        "StationBooted.registration_status", "StationConnected.protocol", "StationConnected.connection_id",
        "StationDisconnected.connection_id", "StationNotified.action",
        "Transaction.id", "Transaction.station_id", "Transaction.transaction_id", "Transaction.state",
        "Transaction.started_at_ms", "TransactionStarted.transaction_id", "TransactionStarted.started_at_ms",
        "TransactionUpdated.transaction_id", "TransactionEnded.transaction_id", "TransactionEnded.ended_at_ms",
        "Value.component", "Value.variable", "Value.attribute_type",
    }
)  # fmt: skip
"""Texts and times that are always told: never null."""
_ZERO_SAYS_NOTHING = frozenset(
    {
        "AuthorizationDecided.evse_id", "ConnectionRefused.http_status", "SecurityProfileChanged.from_profile",
        "StationDisconnected.close_code", "Transaction.evse_id", "Transaction.connector_id",
        "Transaction.remote_start_id", "Transaction.reservation_id", "Transaction.number_of_phases_used",
        "TransactionStarted.evse_id", "TransactionStarted.connector_id", "TransactionStarted.remote_start_id",
        "TransactionUpdated.evse_id", "TransactionUpdated.connector_id", "Value.evse_id", "Value.connector_id",
    }
)  # fmt: skip
"""Numbers of which 0 means that they are not known, or that there is none."""

_TEXT, _BYTES = FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.TYPE_BYTES
_OBJECT, _ENUM = FieldDescriptor.CPPTYPE_MESSAGE, FieldDescriptor.CPPTYPE_ENUM
_PLAIN_TYPES = {_TEXT: "string", FieldDescriptor.CPPTYPE_BOOL: "boolean", FieldDescriptor.CPPTYPE_DOUBLE: "number"}


def _field(field: FieldDescriptor) -> Field:
    """Return how a field is written. Raises TypeError for a kind that no event has yet."""
    full_name = f"{cast('Descriptor', field.containing_type).name}.{field.name}"
    name = _NAMES.get(full_name, f"{field.name.removesuffix('_ms')}_at" if _is_moment(field) else field.name)
    name = name.replace("_at_at", "_at")
    if field.cpp_type == _OBJECT:
        return _of_message(field, name)
    write, schema = _value(field)
    if field.is_repeated:
        return Field(name, lambda message: list(getattr(message, field.name)), {"type": "array", "items": schema})
    if field.has_presence:
        return Field(name, partial(_present, field.name, write), _or_null(schema))
    falsy_is_null = full_name not in _NEVER_EMPTY if _may_be_empty(field) else full_name in _ZERO_SAYS_NOTHING
    if falsy_is_null:
        return Field(name, partial(_unless_empty, field.name, write), _or_null(schema))
    return Field(name, partial(_plain, field.name, write), schema)


def _of_message(field: FieldDescriptor, name: str) -> Field:
    other = cast("Descriptor", field.message_type)
    ref = {"$ref": other.name}
    if field.is_repeated and other.GetOptions().map_entry:
        _, schema = _value(other.fields_by_name["value"])
        return Field(name, partial(_map, field.name), {"type": "object", "additionalProperties": schema})
    if field.is_repeated:
        read = partial(_each, field.name)
        return Field(name, read, {"type": "array", "items": ref}, other)
    return Field(name, partial(_message, field.name), ref, other)


def _value(field: FieldDescriptor) -> tuple[Callable[[Any], Json], Mapping[str, Json]]:
    if _is_moment(field):
        return _rfc3339, {"type": "string", "format": "date-time"}
    if field.type == _BYTES:
        return orjson.loads, {"type": "object"}
    if field.cpp_type == _ENUM:
        values = cast("EnumDescriptor", field.enum_type).values
        names = {each.number: each.name.lower().partition("_")[2] for each in values}
        return names.get, {"type": "string", "enum": [name for number, name in names.items() if number]}
    return _same, {"type": _PLAIN_TYPES.get(field.cpp_type, "integer")}


def _is_moment(field: FieldDescriptor) -> bool:
    return field.name.endswith("_ms")


def _may_be_empty(field: FieldDescriptor) -> bool:
    """Whether 0 or an empty text says nothing in general."""
    return _is_moment(field) or field.cpp_type in {_TEXT, _ENUM}


def _or_null(schema: Mapping[str, Json]) -> Mapping[str, Json]:
    found = {**schema, "type": [schema["type"], "null"]}
    if "enum" in found:
        found["enum"] = [*found["enum"], None]
    return found


def _same(value: Json) -> Json:
    return value


def _rfc3339(milliseconds: int) -> str:
    text = from_ms(milliseconds).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _plain(name: str, write: Callable[[Any], Json], message: Message) -> Json:
    return write(getattr(message, name))


def _unless_empty(name: str, write: Callable[[Any], Json], message: Message) -> Json:
    value = getattr(message, name)
    return write(value) if value else None


def _present(name: str, write: Callable[[Any], Json], message: Message) -> Json:
    return write(getattr(message, name)) if message.HasField(name) else None


def _message(name: str, message: Message) -> Json:
    return data_of(getattr(message, name))


def _map(name: str, message: Message) -> Json:
    return dict(getattr(message, name))


def _each(name: str, message: Message) -> Json:
    return [data_of(one) for one in getattr(message, name)]
