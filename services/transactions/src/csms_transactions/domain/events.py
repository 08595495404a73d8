"""One event of a transaction, in the terms that every OCPP version shares.

The adapters in `csms_transactions.versions` make them.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from csms_transactions.domain.readings import Reading

CENTRAL = "Central"
"""The type of tokens that a CSMS makes itself, for remote starts (C05)."""
DIRECT_PAYMENT = "DirectPayment"
"""The type of tokens that are the reference of a payment (C18, C24, C25)."""
MASK = "***"
"""Is shown in place of a secret token."""


class EventType(StrEnum):
    """Where in a transaction an event stands."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


class IdToken(NamedTuple):
    """A token as OCPP names it. `type` is empty where the protocol has none."""

    value: str
    type: str

    def masked(self) -> "IdToken":
        """Return the token as it may be stored and shown: a KeyCode is a secret (C04) and becomes `MASK`."""
        return IdToken(MASK, self.type) if self.type.lower() == "keycode" else self

    def __repr__(self) -> str:
        return f"IdToken({self.masked().value!r}, {self.type!r})"


class TransactionEvent(NamedTuple):
    """What a station told about a transaction in one message; None: not told."""

    seq_no: int
    type: EventType
    at: datetime
    """The station's time of the event, aware UTC."""
    trigger_reason: str = ""
    offline: bool = False
    """It happened while the station was offline."""
    evse_id: int | None = None
    connector_id: int | None = None
    id_token: IdToken | None = None
    charging_state: str | None = None
    time_spent_charging: int | None = None
    """Seconds."""
    stopped_reason: str | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    number_of_phases_used: int | None = None
    readings: tuple[Reading, ...] = ()
    """Readings of the registers of energy, in order of time."""
    details: Mapping[str, Any] | None = None
    """What only OCPP 2.1 tells, in its words: transactionLimit, costDetails, ... Some hundred bytes."""

    @property
    def stops(self) -> bool:
        """Whether a token in it is the one that stopped the transaction (E07), not the one that started it."""
        return self.trigger_reason == "StopAuthorized" or self.type is EventType.ENDED
