"""What Kafka's ACLs do not let this process write: said plainly, and shown by `/readyz`."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from csms_bus.ports import BusError, NotAuthorized, Outgoing

_log = structlog.get_logger(__name__)

OnHealth = Callable[[bool, str], None]
"""Told whether all that is published is let through, and what is not."""
_AGAIN_S = 30.0
"""After so long without another refusal the process counts as healthy: one that nobody asks finds out nothing more."""


class Rights:
    """Remembers the topics this process was not allowed to write to, until it was, or nothing was tried for a while."""

    def __init__(self, user: str, on_health: OnHealth | None, again_s: float = _AGAIN_S) -> None:
        self._user = user
        self._on_health = on_health or (lambda _ok, _detail: None)
        self._again_s = again_s
        self._refused: frozenset[str] = frozenset()
        self._forgetting: asyncio.TimerHandle | None = None

    def published(self, records: Sequence[Outgoing], failures: Mapping[int, BusError]) -> None:
        """Take what became of some records."""
        if not failures and not self._refused:
            return
        refused = {records[at].topic for at, error in failures.items() if isinstance(error, NotAuthorized)}
        written = {outgoing.topic for at, outgoing in enumerate(records) if at not in failures}
        if refused:
            self._forget_later()
        self._know((self._refused | refused) - written)

    def _know(self, refused: frozenset[str]) -> None:
        if refused == self._refused:
            return
        self._refused = refused
        text = ", ".join(sorted(refused))
        if refused:
            _log.error("Kafka has no ACL for Write", topics=text, user=self._user, needed="python -m csms_bus.acls")
        self._on_health(not refused, f"Kafka has no ACL for {self._user} to write to {text}" if refused else "")

    def _forget_later(self) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
        loop = asyncio.get_running_loop()
        self._forgetting = loop.call_later(self._again_s, self._know, frozenset[str]())
