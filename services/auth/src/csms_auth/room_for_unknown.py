"""Limits how many unknown stations are let in: somebody who makes names up must not fill the databases."""

from sqlalchemy.ext.asyncio import AsyncSession

from csms_auth.store import stations

_RECOUNT_MS = 1_000
_SHARE = 10
"""A process takes one part in so many of the room left, then counts again: other processes let stations in, too."""


class Room:
    """Remembers how many of `most` stations are left. It counts again when too few are; when full, once a second."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = 0
        self._full_since_ms: int | None = None

    async def left(self, session: AsyncSession, wanted: int, now_ms: int) -> int:
        """Return how many stations may be let in, when `wanted` want to. Raises DatabaseUnavailable."""
        full = self._full_since_ms is not None and 0 <= now_ms - self._full_since_ms < _RECOUNT_MS
        if self._left < wanted and not full:
            free = self._most - await stations.count(session, self._most)
            self._left = min(free, max(wanted, free // _SHARE))
            self._full_since_ms = now_ms if free < wanted else None
        return self._left

    def taken(self, count: int) -> None:
        """Note that so many were let in."""
        self._left -= count
