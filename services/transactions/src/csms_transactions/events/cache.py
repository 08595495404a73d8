"""Keeps transactions as this process stored them last: the next event of one need not read it from the database."""

from collections.abc import Iterable, Mapping

from csms_transactions.domain.transaction import State, Transaction
from csms_transactions.events.step import Step

_MOST = 10_000
"""Each takes about a kilobyte."""


class TransactionCache:
    """The running transactions that were changed last, by key.

    Another process may have changed one since. Whoever uses them must check that when it writes, and `forget` them.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._known: dict[str, Transaction] = {}
        """The ones that were changed longest ago come first."""

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
