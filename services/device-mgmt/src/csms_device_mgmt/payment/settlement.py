"""What a settlement is, and who may change it. Pure. Requirements: C20 to C22, C24.FR.10, C25.FR.40 of OCPP 2.1."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from csms_runtime.money import Money

DIRECT_PAYMENT = "DirectPayment"


class SettlementStatus(StrEnum):
    """OCPP's PaymentStatusEnumType, and what it is before."""

    OPEN = "Open"
    """It is to be settled by the CSMS."""
    SETTLED = "Settled"
    CANCELED = "Canceled"
    REJECTED = "Rejected"
    """By the payment service provider."""
    FAILED = "Failed"
    """For technical reasons."""


class SettledBy(StrEnum):
    """Who settles with the payment service provider."""

    CSMS = "csms"
    STATION = "station"


FINAL = frozenset({SettlementStatus.SETTLED, SettlementStatus.CANCELED})
"""What was rejected or failed may be tried again (C22)."""


class Due(NamedTuple):
    """A transaction that has ended and was paid for directly, by the domain event that tells it."""

    station_id: str
    psp_ref: str
    """The payment service provider's reference of the payment: the transaction's token."""
    transaction_id: str
    transaction: str
    """Our id of it."""
    revision: int
    remotely_started: bool
    cost: Money | None
    """None: nobody knows it."""


class Result(NamedTuple):
    """What became of a payment."""

    status: SettlementStatus
    at: datetime
    cost: Money | None = None
    """What was settled; None: it is not told."""
    receipt_id: str | None = None
    receipt_url: str | None = None
    status_info: str | None = None


def settled_by_csms(due: Due, setting: str | None) -> bool:
    """Whether the CSMS settles: what it started itself (C24, C25), or if the station is set up so (C21.FR.05).

    `setting` is PaymentCtrlr.SettlementByCSMS of the station; None: it has none.
    """
    return due.remotely_started or (setting or "").strip().casefold() == "true"
