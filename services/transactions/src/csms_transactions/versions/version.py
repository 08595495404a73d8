"""What this service must know of one OCPP version: how to read its messages, and how to write answers and commands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from csms.v1.auth_pb2 import IdTokenInfo
from csms_ocpp.validation import Violation, all_violations_request
from csms_ocpp.versions import Protocol

from csms_transactions.domain.events import TransactionEvent
from csms_transactions.domain.identity import Identity
from csms_transactions.domain.readings import Reading
from csms_transactions.domain.remote import StartRequest
from csms_transactions.domain.transaction import Transaction

Json = Mapping[str, Any]
"""A payload, valid by its JSON schema."""
NOTHING: Json = {}


class StoredTransaction(NamedTuple):
    """A transaction as it is in the database once an event was stored."""

    identity: Identity
    transaction: Transaction
    limit: Mapping[str, float] | None = None
    """What the response has to tell of limits: those that it was to be started with (F07), or that were set since."""
    held: Mapping[str, float] | None = None
    """The limits that were set since, also those that an earlier response told."""


Answer = Callable[[IdTokenInfo | None, StoredTransaction | None], Json]
"""Makes a response from auth's decision (None: no token), and from what is stored if the message `needs_stored`."""


class Beginning(NamedTuple):
    """What tells a transaction from all others where the CSMS gives it its id: a repeat says the same (OCPP 1.6)."""

    connector_id: int
    at: datetime
    meter_wh: int
    token: str
    """Case-folded."""


class EventMessage(NamedTuple):
    """A station's message that tells something of a transaction."""

    transaction_id: str
    """Empty: there is a `beginning` instead."""
    event: TransactionEvent
    payload: bytes
    """What is stored of it: the JSON as the station sent it, but without a key code (C04)."""
    answer: Answer
    needs_stored: bool = False
    """The response tells something that only the database knows, so it is made after the event was stored."""
    beginning: Beginning | None = None
    """The CSMS gives this transaction its id: the same one for all messages of a station that say the same here."""
    takes_limit: bool = False
    """The response may carry limits that somebody has set for the transaction."""
    else_id: str = ""
    """The id under which it is kept if the station has no transaction with its own id; empty: under its own."""


class MeterValuesMessage(NamedTuple):
    """A station's message with meter values that is no event of a transaction."""

    evse_id: int
    """0: the main meter (J01.FR.18)."""
    at: datetime
    """The time of the first meter value."""
    readings: tuple[Reading, ...]
    """Of the registers of energy, in order of time."""
    transaction_id: str = ""
    """The transaction that it names. Empty, or none that is known: its place and time decide."""


class Command(NamedTuple):
    """A CALL for a station."""

    action: str
    payload: dict[str, Any]


class Form(NamedTuple):
    """A CALL as some versions write it."""

    protocols: tuple[str, ...]
    command: Command


class RemoteAnswer(NamedTuple):
    """What a station answered to a remote start or stop; None: it did not say."""

    status: str | None = None
    transaction_id: str | None = None
    """Of a transaction that was running before: the cable came first (F02)."""


class StatusTold(NamedTuple):
    """What a station answered to the question whether a transaction is ongoing."""

    ongoing: bool | None
    """None: it did not say."""
    queued: bool
    """It has messages of this transaction that it did not deliver yet."""


class StatusQuestion(NamedTuple):
    """The question whether a transaction is ongoing (E14)."""

    action: str
    ask: Callable[[str], Command]
    """The command, by the station's id of the transaction."""
    asked: Callable[[Json], str | None]
    """The transaction that such a command asks about; None: it asks about all of them."""
    told: Callable[[Json], StatusTold]
    """Reads the answer."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)  # there is one object per version
class TransactionsVersion:
    """One version. All else that differs between versions is in `csms_ocpp.versions`."""

    protocol: Protocol

    # What stations send.
    events: Mapping[str, Callable[[bytes], EventMessage]]
    """By action: reads a message that tells of a transaction. Raises OcppError for a time or number out of range."""
    meter_values: Mapping[str, Callable[[bytes], MeterValuesMessage]]
    """By action: reads a message with meter values alone. Raises as `events`."""
    stored_event: Callable[[bytes, int], TransactionEvent]
    """Reads `EventMessage.payload` again; with the event's seqNo."""
    shown_event: Callable[[bytes], dict[str, Any]]
    """`EventMessage.payload` for people: secrets are masked."""
    meter_values_in: Callable[[Json], list[dict[str, Any]]]
    """The meter values in the payload of a message, as they were sent."""

    # What the CSMS sends.
    start_action: str
    start: Callable[[StartRequest, int], Command]
    """The command that starts a transaction (F01, F02), with our id of the request."""
    start_limits: Callable[[StartRequest], list[Violation]]
    """What is wanted that this version can't do, with pointers into the body of our API."""
    start_rules: Callable[[Json], list[Violation]]
    """What is wrong with such a command beyond its schema, with the requirement ids."""
    start_id: Callable[[Json], int | None]
    """Our id in such a command; None: it is another one."""
    start_fields: Mapping[str, str]
    """By the name of a field of such a command: the field of our API that it comes from."""
    stop: Callable[[str], Command | None]
    """The command that stops a transaction (F03), by the station's id of it; None: this version has no such id."""
    web_payment_started: Callable[[int, int], Command | None]
    """The command that says that somebody is paying for an EVSE (0: none yet), which is kept for so many seconds.

    C25.FR.21. None: this version knows no such payments."""
    remote_answer: Callable[[Json], RemoteAnswer]
    """Reads the answer to a command that starts or stops."""
    status: StatusQuestion | None
    """None: stations can't be asked whether a transaction is ongoing."""
    takes_limits: bool = False
    """Whether a transaction that is running can be limited."""

    def start_violations(self, request: StartRequest) -> list[Violation]:
        """Return why this version can't carry out a request to start; empty: it can."""
        command = self.start(request, 1)
        return (
            self.start_limits(request)
            or all_violations_request(self.protocol, *command)
            or self.start_rules(command.payload)
        )
