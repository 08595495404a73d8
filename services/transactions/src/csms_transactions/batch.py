"""A polled batch: what its records ask for, sorted by kind, and what came of writing it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from csms.v1.station_pb2 import CommandResult, StationCall
from csms_bus.ports import Outgoing

from csms_transactions.domain.closing import StationSays
from csms_transactions.domain.events import IdToken
from csms_transactions.domain.identity import Identity
from csms_transactions.domain.readings import Reading
from csms_transactions.store.events import NewEvent
from csms_transactions.store.transaction_limits import Wanted
from csms_transactions.tokens.question import Authorized
from csms_transactions.versions.version import Answer, StoredTransaction


class BatchEvent(NamedTuple):
    """An event to store and to answer."""

    identity: Identity
    call: StationCall
    new: NewEvent
    answer: Answer
    """The function that makes the response."""
    beginning: str = ""
    """The digest of what tells a transaction that we give an id from all others; `identity` is to be found then."""
    else_id: str = ""
    """As in `EventMessage`."""

    @property
    def token(self) -> IdToken | None:
        """The token that auth must be asked about."""
        return self.new.event.id_token

    def answered_as(self, number: int) -> "BatchEvent":
        """The same, with a number: its answer is made of what is stored."""
        return self._replace(new=self.new._replace(number=number))

    def asked_as(self, question: int) -> "BatchEvent":
        """The same, with the number of the question about its token."""
        return self._replace(new=self.new._replace(question=question))


@dataclass(frozen=True, slots=True)
class BatchMeterValues:
    """A message with meter values to store and to answer."""

    station_id: str
    call: StationCall
    evse_id: int
    timestamp: datetime
    received_at: datetime
    packed: bytes
    """What is stored of the payload."""
    readings: tuple[Reading, ...] = ()
    """The readings of an EVSE's registers of energy."""
    named: Identity | None = None
    """The transaction that it names, which may not exist."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of a command that we ordered."""

    station_id: str
    result: CommandResult


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """The result of a question whether a transaction is ongoing. Anybody may have asked."""

    station_id: str
    transaction_id: str
    says: StationSays


@dataclass(slots=True)
class Batch:
    """A batch that was read."""

    events: list[BatchEvent] = field(default_factory=list)
    meter_values: list[BatchMeterValues] = field(default_factory=list)
    results: list[BatchResult] = field(default_factory=list)
    statuses: list[StatusAnswer] = field(default_factory=list)
    replies: list[Outgoing] = field(default_factory=list)
    """Answers that may be sent although nothing is stored."""
    answered_after: list[int] = field(default_factory=list)
    """The numbers of the events whose answers are made of what is stored."""
    limitable: list[int] = field(default_factory=list)
    """The numbers of the events whose answers may carry limits."""
    limits: dict[int, Sequence[Wanted]] = field(default_factory=dict)
    """By the number of an event: the limits of transactions with its transactionId, which its answer may carry."""
    unnamed: bool = False
    """Whether the transactions of some events are to be found first: those with a `beginning` or an `else_id`."""


@dataclass(frozen=True, slots=True)
class Written:
    """What came of storing a batch."""

    authorized: Authorized
    """What came of the questions about tokens."""
    transactions: Mapping[int, StoredTransaction] = field(default_factory=dict)
    """The transactions of the events in `Batch.answered_after`, by the numbers of the events."""

    def of(self, item: BatchEvent) -> StoredTransaction | None:
        """Return the transaction of an event; None: its answer does not need it."""
        return None if item.new.number is None else self.transactions[item.new.number]
