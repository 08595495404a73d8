"""Shows in `/readyz` what Kafka's ACLs do not let this process write."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from csms_bus.ports import BusError, NotAuthorized, Outgoing

_log = structlog.get_logger(__name__)

OnHealth = Callable[[bool, str], None]
"""Is called with True when everything may be written, else with False and the topics that may not."""
_AGAIN_S = 30.0
"""Seconds without a refusal after which the process is healthy again: without traffic it learns nothing new."""


class Rights:
    """Remembers topics that this process may not write to: until a write is allowed, or none was tried for a while."""

    def __init__(self, user: str, on_health: OnHealth | None, again_s: float = _AGAIN_S) -> None:
        self._user = user
        self._on_health = on_health or (lambda _ok, _detail: None)
        self._again_s = again_s
        self._refused: frozenset[str] = frozenset()
        self._forgetting: asyncio.TimerHandle | None = None

    def published(self, records: Sequence[Outgoing], failures: Mapping[int, BusError]) -> None:
        """Take the outcomes of some records."""
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
