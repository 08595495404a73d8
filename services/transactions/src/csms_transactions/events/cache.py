"""Transactions as this process stored them last, so that the next event of a running one need not read it first."""

from collections.abc import Iterable, Mapping

from csms_transactions.domain.transaction import State, Transaction
from csms_transactions.events.step import Step

_MOST = 10_000
"""About a kilobyte each."""


class TransactionCache:
    """The running transactions that were heard of last, by their keys.

    What another process stored since is not known here: whoever uses them must check when it writes, and `forget`.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._known: dict[str, Transaction] = {}
        """Those heard of longest ago first."""

    def among(self, keys: Iterable[str]) -> Mapping[str, Transaction]:
        """Return those of `keys` that are known."""
        known = self._known
        return {key: known[key] for key in keys if key in known}

    def remember(self, steps: Iterable[Step]) -> None:
        """Remember what was committed."""
        known = self._known
        for step in steps:
            key = step.identity.key
            known.pop(key, None)
            if step.after.state is not State.ENDED:
                known[key] = step.after
        while len(known) > self._most:
            del known[next(iter(known))]

    def forget(self, keys: Iterable[str]) -> None:
        """Forget what may be out of date."""
        for key in keys:
            self._known.pop(key, None)
