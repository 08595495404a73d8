"""What a station sends for an event of a transaction: one CALL, written when its turn comes."""

from dataclasses import dataclass
from typing import Protocol

from csms_testing.simulator.frames import Json
from csms_testing.simulator.transaction import Transaction


class Message(Protocol):
    """A CALL about a transaction that waits until it is delivered."""

    @property
    def action(self) -> str:
        """The name of the CALL."""

    @property
    def transaction(self) -> Transaction:
        """What it is about."""

    @property
    def event(self) -> Json:
        """What happened, as a TransactionEventRequest of 2.0.1.

        `seqNo` is the number that the event has in the CSMS; without one it is no event there.
        """

    def payload(self) -> Json:
        """The request: what earlier answers told stands in it."""

    def understood(self, answer: Json) -> Json:
        """Take up the answer; what it says, as a TransactionEventResponse of 2.0.1."""


@dataclass(frozen=True, slots=True)
class TransactionEvent:
    """A TransactionEvent of OCPP 2.0.1."""

    transaction: Transaction
    event: Json
    action: str = "TransactionEvent"

    def payload(self) -> Json:
        """See `Message`."""
        return self.event

    def understood(self, answer: Json) -> Json:
        """See `Message`."""
        return answer
