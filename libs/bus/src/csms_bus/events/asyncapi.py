"""The AsyncAPI 3 document of the domain events, docs/asyncapi.json: topics of Kafka, and each event's JSON form."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import orjson
from google.protobuf.descriptor import Descriptor

from csms_bus.events.catalogue import CATALOGUE, EventType
from csms_bus.events.json_form import CONTENT_TYPE, JSON, SOURCES, SPEC_VERSION, as_json, fields_of
from csms_bus.topics import CATALOGUE as TOPICS

Document = dict[str, Any]

_ABOUT = """\
What happened to stations, transactions and tokens, as other teams are told it. Each event comes at least once and in \
order per station and topic; `source` and `id` tell repeats.

On Kafka a value is a protobuf message csms.v1.Record with the body `event` (proto/csms/v1/bus.proto, events.proto). \
The messages here are the JSON form of the same events, in CloudEvents 1.0, as event streams and webhooks have it. \
Fields are added, never taken away."""


def document() -> Document:
    """Return the document."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "CSMS domain events", "version": "1", "description": _ABOUT},
        "defaultContentType": CONTENT_TYPE,
        "channels": dict(_channels()),
        "operations": dict(_operations()),
        "components": {
            "messages": {event_type.name: _message(event_type) for event_type in CATALOGUE},
            "schemas": {**dict(_envelopes()), **dict(sorted(_schemas().items()))},
        },
    }


def text() -> str:
    """Return the document as it is committed."""
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2).decode() + "\n"


def _channels() -> Iterator[tuple[str, Document]]:
    for topic in TOPICS:
        carried = [event_type.name for event_type in CATALOGUE if topic in event_type.topics]
        if carried:
            messages = {name: {"$ref": f"#/components/messages/{name}"} for name in carried}
            yield topic.name, {"address": topic.name, "description": f"{topic.what}.", "messages": messages}


def _operations() -> Iterator[tuple[str, Document]]:
    for name, channel in _channels():
        action = f"tell_{name.replace('.', '_')}"
        messages = [{"$ref": f"#/channels/{name}/messages/{message}"} for message in channel["messages"]]
        yield action, {"action": "send", "channel": {"$ref": f"#/channels/{name}"}, "messages": messages}


def _message(event_type: EventType) -> Document:
    example = as_json(event_type.example, event_type.topics[0].name)
    return {
        "name": event_type.name,
        "title": event_type.body.DESCRIPTOR.name,
        "summary": event_type.meaning,
        "contentType": CONTENT_TYPE,
        "payload": {"$ref": f"#/components/schemas/{event_type.name}"},
        "examples": [{"payload": example}],
    }


def _envelopes() -> Iterator[tuple[str, Document]]:
    """Yield the schema of each event with CloudEvents' attributes."""
    for event_type in CATALOGUE:
        sources = [SOURCES[topic.name] for topic in event_type.topics]
        yield (
            event_type.name,
            {
                "type": "object",
                "required": ["specversion", "id", "source", "type", "time", "datacontenttype", "data"],
                "properties": {
                    "specversion": {"type": "string", "const": SPEC_VERSION},
                    "id": {"type": "string"},
                    "source": {"type": "string", "enum": sources},
                    "type": {"type": "string", "const": event_type.name},
                    "subject": {"type": "string", "description": "The station; absent: it is about none that is known"},
                    "time": {"type": "string", "format": "date-time"},
                    "datacontenttype": {"type": "string", "const": JSON},
                    "data": {"$ref": f"#/components/schemas/{event_type.body.DESCRIPTOR.name}"},
                },
            },
        )


def _schemas() -> dict[str, Document]:
    found: dict[str, Document] = {}
    for event_type in CATALOGUE:
        _add(found, cast("Descriptor", event_type.body.DESCRIPTOR))
    return found


def _add(found: dict[str, Document], descriptor: Descriptor) -> None:
    if descriptor.name in found:
        return
    fields = fields_of(descriptor)
    found[descriptor.name] = {
        "type": "object",
        "required": [field.name for field in fields],
        "properties": {field.name: _located(field.schema) for field in fields},
    }
    for field in fields:
        if field.message is not None:
            _add(found, field.message)


def _located(schema: Mapping[str, Any]) -> Document:
    """Return a schema whose `$ref` says where in the document the other one stands."""
    return {
        key: f"#/components/schemas/{value}"
        if key == "$ref"
        else _located(value)
        if isinstance(value, Mapping)
        else value
        for key, value in schema.items()
    }
