"""The change of one transaction: how it was before, and how it is after."""

from dataclasses import dataclass

from csms_transactions.domain.identity import Identity
from csms_transactions.domain.transaction import Transaction


@dataclass(slots=True)  # not frozen: one is made for every event, and that would take three times as long
class Step:
    """How a batch, or somebody who closed it, changed one transaction."""

    identity: Identity
    before: Transaction | None
    after: Transaction
