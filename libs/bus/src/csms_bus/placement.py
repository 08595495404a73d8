"""Checks whether a record may stand on its topic: a writer that was taken over must not reach further.

Kafka's ACLs say who may write to a topic. This says which bodies count there, and where an answer may be sent.
"""

from functools import lru_cache

from csms.v1.bus_pb2 import Record
from csms_ocpp.station_ids import fault_of
from csms_runtime.texts import is_storable

from csms_bus.topics import CATALOGUE, Key

ANSWERS = {
    "station_call": "reply",
    "connection_request": "connection_decision",
    "authorization_request": "authorization_decision",
    "station_admission": "station_admission_result",
    "call_order": "call_order_verdict",
    "command_result": "command_result",
    "remote_start": "remote_start_noted",
}
"""The body of an answer, by the body that asks for it."""

_BODIES = {topic.name: frozenset(topic.bodies) for topic in CATALOGUE}
_OF_STATIONS = frozenset(
    topic.name for topic in CATALOGUE if topic.key is Key.STATION and topic.producers == ("gateway",)
)
"""Topics that only gateways write, so only about stations that they let in."""
_INBOXES = {topic.name: frozenset(topic.bodies) for topic in CATALOGUE if topic.key is Key.SLOT}


_MAY_WANT_NONE = frozenset({"station_admission", "command_result", "call_order"})


def misplacement(topic: str, record: Record) -> str:
    """Return why a record must not be handled. Empty: it may be. Topics outside the catalogue may carry anything.

    A body that this version does not know is in no wrong place: see `csms_bus.batches`.
    """
    station_id = record.station_id
    look = _fault_of_short if len(station_id) <= _LONGEST_CACHED else _look_at  # longer ones would fill the cache
    fault = look(station_id, topic in _OF_STATIONS)
    if fault:
        return fault
    body, carried = record.WhichOneof("body"), _BODIES.get(topic)
    if body is None or carried is None:
        return ""
    if body not in carried:
        return f"{topic} carries no {body}"
    answer = ANSWERS.get(body)
    return "" if answer is None else _astray(record, body, answer)


def _look_at(station_id: str, of_station: bool) -> str:  # noqa: FBT001 the parameters are a cache's key
    if not is_storable(station_id):  # no gateway lets such a station in
        return "the station id is none that can be stored"
    fault = fault_of(station_id) if of_station else ""
    return f"the station's identity {fault}" if fault else ""


_LONGEST_CACHED = 64
_fault_of_short = lru_cache(maxsize=65_536)(_look_at)


def _astray(record: Record, body: str, answer: str) -> str:
    asking = record.command_result.command if body == "command_result" else getattr(record, body)
    to = asking.reply_to.topic
    if not to:
        wants_none = body in _MAY_WANT_NONE or getattr(asking, "no_reply", False)
        return "" if wants_none else f"{body} does not say where its answer goes"
    return "" if answer in _INBOXES.get(to, ()) else f"the answer to a {body} does not go to {to}"
