"""docs/topics.md, made from the catalogue."""

import json
from collections.abc import Iterator
from datetime import timedelta

from google.protobuf.json_format import MessageToDict

from csms_bus.acls import acls
from csms_bus.examples import example
from csms_bus.topics import CATALOGUE, Cleanup, Topic

_INTRODUCTION = """\
# Topics

<!-- Made by `python -m csms_bus.topics`; do not edit. -->

Every record's value is a protobuf message `csms.v1.Record` (`proto/csms/v1/bus.proto`): an envelope and one body.
The examples are protobuf's JSON: `bytes` appear in base64 (OCPP payloads in them are the JSON that the station sent or
will get), 64-bit integers as strings, fields with their default value not at all. Times are Unix times in milliseconds.

Between services a record that may hold a password, a key or a key code has the body `sealed` instead: its kind, and the
record encrypted under `CSMS_SECRET_KEY`. Events have no such.

Records come at least once and in order per key. `record_id` (and `event_id` of domain events) tells repeats.
`python -m csms_bus.admin` creates the topics; [ACLs](#acls) say who may do what.
Sizes are those of the default `CSMS_MAX_MESSAGE_BYTES`.
"""

_RIGHTS = """\
`python -m csms_bus.acls` prints the calls of `kafka-acls.sh` that make them, with the users `csms-gateway`, `csms-auth`
and so on; `--format json` prints them as a Strimzi KafkaUser has them. Whoever is not named may do nothing; Describe
follows from each of the others. A broker before 3.0 wants IdempotentWrite on the cluster for all too. `admin` is who
runs `csms_bus.admin`. Other teams need Read on `events.*` and on groups of their own.
"""


def page() -> str:
    """Return the page's text, ending with a newline."""
    sections = [line for topic in CATALOGUE for line in _section(topic)]
    return "\n".join([_INTRODUCTION, *_overview(), *_rights(), *sections]) + "\n"


def _overview() -> Iterator[str]:
    yield "| topic | key | from | to | partitions | kept |"
    yield "|---|---|---|---|---|---|"
    for topic in CATALOGUE:
        link = f"[`{topic.name}`](#{topic.name.replace('.', '')})"
        consumers = ", ".join(topic.consumers) or "other teams"
        producers = ", ".join(topic.producers)
        yield f"| {link} | {topic.key.value} | {producers} | {consumers} | {topic.partitions} | {_kept(topic)} |"


def _rights() -> Iterator[str]:
    yield ""
    yield "## ACLs"
    yield ""
    yield _RIGHTS
    yield "| who | may | on |"
    yield "|---|---|---|"
    for acl in acls():
        names = ", ".join(f"`{name}`" for name in acl.names)
        yield f"| {acl.who} | {', '.join(acl.operations)} | {acl.resource}s {names} |"


def _section(topic: Topic) -> Iterator[str]:
    yield ""
    yield f"## {topic.name}"
    yield ""
    yield f"{topic.what}. Values of at most {topic.max_record_bytes()} bytes."
    for body in topic.bodies:
        yield ""
        yield f"`{body}`:"
        yield ""
        yield "```json"
        shown = MessageToDict(example(topic.name, body), preserving_proto_field_name=True)
        yield json.dumps(shown, indent=2, ensure_ascii=False)
        yield "```"


def _kept(topic: Topic) -> str:
    if topic.cleanup is Cleanup.COMPACT:
        return "the newest of each key"
    if topic.retention % timedelta(days=1):
        return f"{topic.retention // timedelta(hours=1)} h"
    return f"{topic.retention // timedelta(days=1)} d"
