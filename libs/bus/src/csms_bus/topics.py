"""The topic catalogue: what is on the bus, who writes and reads it, and how long it is kept.

Code, docs/topics.md (`python -m csms_bus.topics`) and the topic-creation job are made from it.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from csms_runtime.settings import DEFAULT_MAX_MESSAGE_BYTES


class Cleanup(Enum):
    """Kafka's cleanup.policy."""

    DELETE = "delete"
    COMPACT = "compact"


class Key(Enum):
    """What a topic's key is. Records of one key stay in order."""

    STATION = "station id"
    SLOT = "slot of the reading process, as partition number"
    GATEWAY = "slot of the gateway"
    ADDRESS = "address of the peer"
    API_KEY = "id of the API key"
    SERVICE = "name of the service"


STATION_PARTITIONS = 120
"""Partitions of the topics whose key is the station, by default. A service can have as many replicas at most. Many
numbers of replicas share out 120 evenly. Kafka keeps records of a key in order within a partition only, so it is better
to have enough of them from the beginning."""
_LEAST_MESSAGE_BYTES = 1_000_000
"""Bytes at least: records without an OCPP message need room too, however small OCPP messages must be."""
_ENVELOPE_BYTES = 64 * 1024
"""Bytes for all that is in a record besides OCPP messages."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the catalogue."""

    name: str
    what: str
    key: Key
    bodies: tuple[str, ...]
    """The fields of `Record.body` that may occur."""
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    partitions: int
    """Default number of partitions. An inbox needs as many as its service has replicas at most. See `topic_plan`."""
    retention: timedelta
    cleanup: Cleanup = Cleanup.DELETE
    messages: int = 1
    """The number of OCPP messages that one record may hold."""

    def max_record_bytes(self, max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES) -> int:
        """Return the bytes that a record's value may have when OCPP messages have `max_message_bytes` at most."""
        return self.messages * max(max_message_bytes, _LEAST_MESSAGE_BYTES) + _ENVELOPE_BYTES


CALLS_AUTH = Topic(
    name="ocpp.calls.auth",
    what="Station CALLs that auth answers, and whether a station may connect",
    key=Key.STATION,
    bodies=("station_call", "connection_request"),
    producers=("gateway",),
    consumers=("auth",),
    partitions=STATION_PARTITIONS,
    retention=timedelta(hours=24),
)
CALLS_TRANSACTIONS = Topic(
    name="ocpp.calls.transactions",
    what="Station CALLs about transactions and meter values",
    key=Key.STATION,
    bodies=("station_call",),
    producers=("gateway",),
    consumers=("transactions",),
    partitions=STATION_PARTITIONS,
    retention=timedelta(days=7),
)
CALLS_DEVICES = Topic(
    name="ocpp.calls.devices",
    what="All other station CALLs, and what was refused of a station",
    key=Key.STATION,
    bodies=("station_call", "refused_message"),
    producers=("gateway",),
    consumers=("device-mgmt",),
    partitions=STATION_PARTITIONS,
    retention=timedelta(days=7),
)
AUTH_ADMISSIONS = Topic(
    name="auth.admissions",
    what="What decides a station's admission: its password, security profile, registration",
    key=Key.STATION,
    bodies=("station_admission",),
    producers=("device-mgmt",),
    consumers=("auth",),
    partitions=STATION_PARTITIONS,
    retention=timedelta(days=7),
)
AUTH_QUESTIONS = Topic(
    name="auth.questions",
    what="Questions about the tokens in transactions",
    key=Key.STATION,
    bodies=("authorization_request",),
    producers=("transactions",),
    consumers=("auth",),
    partitions=STATION_PARTITIONS,
    retention=timedelta(hours=24),
)
DEVICES_ORDERS = Topic(
    name="devices.orders",
    what="CALLs that other services order, connections that they want closed",
    key=Key.STATION,
    bodies=("call_order", "close_connection"),
    producers=("transactions", "auth"),
    consumers=("device-mgmt",),
    partitions=STATION_PARTITIONS,
    retention=timedelta(days=7),
)
TRANSACTIONS_STARTS = Topic(
    name="transactions.starts",
    what="Remote starts that are asked for as calls, before they are sent",
    key=Key.STATION,
    bodies=("remote_start",),
    producers=("device-mgmt",),
    consumers=("transactions",),
    partitions=STATION_PARTITIONS,
    retention=timedelta(hours=24),
)
GATEWAY_INBOX = Topic(
    name="gateway.inbox",
    what="Replies to station CALLs, decisions on connections, CALLs for stations; one partition per gateway slot",
    key=Key.SLOT,
    bodies=("reply", "replies", "connection_decision", "station_command", "close_connection"),
    producers=("auth", "transactions", "device-mgmt"),
    consumers=("gateway",),
    partitions=32,
    retention=timedelta(hours=1),
)
TRANSACTIONS_INBOX = Topic(
    name="transactions.inbox",
    what="Answers to what a transactions process asked; one partition per slot",
    key=Key.SLOT,
    bodies=("authorization_decision", "call_order_verdict", "command_result"),
    producers=("auth", "device-mgmt"),
    consumers=("transactions",),
    partitions=32,
    retention=timedelta(hours=1),
    messages=2,  # a result carries the request and the answer
)
DEVICES_INBOX = Topic(
    name="devices.inbox",
    what="Answers to what a device-mgmt process asked; one partition per slot",
    key=Key.SLOT,
    bodies=("station_admission_result", "command_result", "remote_start_noted"),
    producers=("auth", "device-mgmt", "transactions"),
    consumers=("device-mgmt",),
    partitions=32,
    retention=timedelta(hours=1),
    messages=2,  # a result carries the request and the answer
)
RESULTS = Topic(
    name="ocpp.results",
    what="Outcome of every CALL sent to a station, with the request",
    key=Key.STATION,
    bodies=("command_result",),
    producers=("gateway", "device-mgmt"),
    consumers=("device-mgmt", "transactions", "auth"),
    partitions=STATION_PARTITIONS,
    retention=timedelta(days=7),
    messages=2,  # a result carries the request and the answer
)
CONNECTIONS = Topic(
    name="station.connections",
    what="Which gateway and connection a station is on, or that it is closed and why",
    key=Key.STATION,
    bodies=("connection",),
    producers=("gateway",),
    consumers=("device-mgmt", "auth"),
    partitions=STATION_PARTITIONS,
    retention=timedelta(days=7),
)
GATEWAY_STATUS = Topic(
    name="gateway.status",
    what="Announcements and heartbeats of the gateways",
    key=Key.GATEWAY,
    bodies=("gateway_status",),
    producers=("gateway",),
    consumers=("device-mgmt", "gateway", "history"),
    partitions=1,
    retention=timedelta(hours=1),
    cleanup=Cleanup.COMPACT,
)
PRESENCE = Topic(
    name="gateway.presence",
    what="Which stations each gateway heard from in the last seconds",
    key=Key.GATEWAY,
    bodies=("presence",),
    producers=("gateway",),
    consumers=("device-mgmt",),
    partitions=4,
    retention=timedelta(hours=1),
)
EVENTS_AUTH = Topic(
    name="events.auth",
    what="Domain events of auth, for other teams; device-mgmt shows refused connections with the station, history "
    "keeps what happened",
    key=Key.STATION,
    bodies=("event",),
    producers=("auth",),
    consumers=("device-mgmt", "history"),
    partitions=STATION_PARTITIONS,
    retention=timedelta(days=7),
)
EVENTS_TRANSACTIONS = Topic(
    name="events.transactions",
    what="Domain events of transactions, for other teams; history keeps what happened, auth takes what they cost from "
    "prepaid balances, device-mgmt settles direct payments",
    key=Key.STATION,
    bodies=("event",),
    producers=("transactions",),
    consumers=("history", "auth", "device-mgmt"),
    partitions=STATION_PARTITIONS,
    retention=timedelta(days=7),
)
EVENTS_DEVICES = Topic(
    name="events.devices",
    what="Domain events of device-mgmt, for other teams; history keeps what happened",
    key=Key.STATION,
    bodies=("event",),
    producers=("device-mgmt",),
    consumers=("transactions", "history"),
    partitions=STATION_PARTITIONS,
    retention=timedelta(days=7),
)
EVENTS_GATEWAY = Topic(
    name="events.gateway",
    what="What gateways refused themselves: TLS handshakes and upgrades; device-mgmt and history keep it for people to "
    "look at",
    key=Key.ADDRESS,
    bodies=("event",),
    producers=("gateway",),
    consumers=("device-mgmt", "history"),
    partitions=12,
    retention=timedelta(days=7),
)
API_KEYS = Topic(
    name="auth.api-keys",
    what="API keys that were made over the HTTP API, by their digest: every service keeps them as a table",
    key=Key.API_KEY,
    bodies=("api_key",),
    producers=("auth",),
    consumers=("gateway", "auth", "transactions", "device-mgmt", "history"),
    partitions=1,
    retention=timedelta(days=7),
    cleanup=Cleanup.COMPACT,
)
AUDIT = Topic(
    name="audit",
    what="What was asked for over the HTTP APIs, by whom and with which outcome",
    key=Key.SERVICE,
    bodies=("audit_entry",),
    producers=("auth", "transactions", "device-mgmt", "history"),
    consumers=("auth", "history"),
    partitions=1,
    retention=timedelta(days=7),
)
GATEWAY_AUDIT = Topic(
    name="gateway.audit",
    what="As `audit`, for the HTTP APIs of the gateways, which write nothing in another service's name",
    key=Key.SERVICE,
    bodies=("audit_entry",),
    producers=("gateway",),
    consumers=("auth", "history"),
    partitions=1,
    retention=timedelta(days=7),
)
STATION_MESSAGES = Topic(
    name="station.messages",
    what="The message log: what stations sent and were sent, with secrets masked; lost rather than waited for",
    key=Key.STATION,
    bodies=("message_log",),
    producers=("gateway",),
    consumers=("history",),
    partitions=STATION_PARTITIONS,
    retention=timedelta(hours=24),
)
DEAD_LETTERS = Topic(
    name="dead-letters",
    what="Records that can never be processed, with the reason",
    key=Key.STATION,
    bodies=("dead_letter",),
    producers=("auth", "transactions", "device-mgmt", "history"),
    consumers=("device-mgmt",),
    partitions=1,
    retention=timedelta(days=30),
    messages=3,  # the largest record fits in, with what is said about it
)

MAX_RECORD_BYTES = CALLS_DEVICES.max_record_bytes()
"""Bytes that a record with one OCPP message may have by default."""

CATALOGUE: tuple[Topic, ...] = (
    CALLS_AUTH,
    CALLS_TRANSACTIONS,
    CALLS_DEVICES,
    AUTH_ADMISSIONS,
    AUTH_QUESTIONS,
    DEVICES_ORDERS,
    TRANSACTIONS_STARTS,
    GATEWAY_INBOX,
    TRANSACTIONS_INBOX,
    DEVICES_INBOX,
    RESULTS,
    CONNECTIONS,
    GATEWAY_STATUS,
    PRESENCE,
    EVENTS_AUTH,
    EVENTS_TRANSACTIONS,
    EVENTS_DEVICES,
    EVENTS_GATEWAY,
    API_KEYS,
    AUDIT,
    GATEWAY_AUDIT,
    STATION_MESSAGES,
    DEAD_LETTERS,
)


def _main() -> None:
    import argparse  # noqa: PLC0415 only as a program
    import sys  # noqa: PLC0415 as above
    from pathlib import Path  # noqa: PLC0415 as above

    from csms_bus.topics_page import page  # noqa: PLC0415 imports this module

    parser = argparse.ArgumentParser(prog="python -m csms_bus.topics", description="Print docs/topics.md.")
    parser.add_argument("--check", type=Path, metavar="FILE", help="fail unless FILE is what would be printed")
    arguments = parser.parse_args()
    if arguments.check is None:
        sys.stdout.write(page())
    elif arguments.check.read_text() != page():
        sys.exit(f"{arguments.check} is out of date: python -m csms_bus.topics > {arguments.check}")


if __name__ == "__main__":
    _main()
