"""Why the CSMS ends a transaction that has no Ended event."""

from enum import StrEnum


class CloseReason(StrEnum):
    """The CSMS's own reasons; an operator gives one in his own words."""

    ID_USED_AGAIN = "TransactionIdUsedAgain"
    """The station began another transaction with the same transactionId."""
