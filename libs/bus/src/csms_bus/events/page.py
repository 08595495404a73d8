"""docs/events.md, made from the catalogue."""

from collections.abc import Iterator

import orjson

from csms_bus.events.catalogue import CATALOGUE, EventType
from csms_bus.events.json_form import as_json

_INTRODUCTION = """\
# Events

<!-- Made by `make docs`; do not edit. -->

What happened to stations, transactions and tokens, for other teams. The same events are on Kafka, as protobuf
(`csms.v1.DomainEvent` in `proto/csms/v1/events.proto`, in the envelope that [topics.md](topics.md) shows), and as JSON
everywhere else. The JSON form is [CloudEvents 1.0](https://github.com/cloudevents/spec): the examples below.
[asyncapi.json](asyncapi.json) describes it for programs (AsyncAPI 3).

* `type` is the event's name, `subject` the station (absent where it is about none), `time` when it happened.
* Each event comes at least once. `source` and `id` tell repeats.
* Events of one station come in order per topic. Of two with a `transaction`, the one with the higher `revision` counts.
* Every field is always there; null: it is not known, or there is none. Times are RFC 3339 in UTC, energies Wh.
* Passwords and keys are in no event, key codes are masked.
* Fields and events are added, never taken away. Be ready for new ones.
"""


def page() -> str:
    """Return the page's text, ending with a newline."""
    sections = [line for event_type in CATALOGUE for line in _section(event_type)]
    return "\n".join([_INTRODUCTION, *_overview(), *sections]) + "\n"


def _overview() -> Iterator[str]:
    yield "| event | topic |"
    yield "|---|---|"
    for event_type in CATALOGUE:
        yield f"| [`{event_type.name}`](#{event_type.name}) | {_topics(event_type)} |"


def _section(event_type: EventType) -> Iterator[str]:
    example = as_json(event_type.example, event_type.topics[0].name)
    yield ""
    yield f"## {event_type.name}"
    yield ""
    yield f"{event_type.meaning} On {_topics(event_type)}."
    yield ""
    yield "```json"
    yield orjson.dumps(example, option=orjson.OPT_INDENT_2).decode()
    yield "```"


def _topics(event_type: EventType) -> str:
    return ", ".join(f"`{topic.name}`" for topic in event_type.topics)
