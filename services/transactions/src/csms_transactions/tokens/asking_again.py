"""Asks auth again about tokens that nobody has decided on: auth was away, and the station did not ask again."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import structlog
from csms_runtime.clock import utcnow
from csms_runtime.waiting import Later

from csms_transactions.events.writer import BatchWriter
from csms_transactions.tokens.asking import TokenAnswers
from csms_transactions.tokens.decisions import asked_again, question_of

INTERVAL_S = 30.0
AFTER = timedelta(minutes=1)
"""After this time no station waits for an answer any more."""
BATCH = 200

_log = structlog.get_logger(__name__)


class AskingAgain:
    """Looks for undecided tokens from time to time. More than one process doing so does no harm."""

    def __init__(self, writer: BatchWriter, tokens: TokenAnswers, *, after: timedelta = AFTER) -> None:
        self._writer = writer
        self._tokens = tokens
        self._after = after

    async def run(self, stop: asyncio.Event, interval_s: float = INTERVAL_S) -> None:
        """Ask every `interval_s` seconds until `stop` is set."""
        while not stop.is_set():
            try:
                await self.ask()
            except Later as error:
                _log.warning("undecided tokens stay for now", error=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), interval_s)

    async def ask(self) -> int:
        """Ask about all undecided tokens, some at a time. Return how many were decided. Raises Later."""
        decided = 0
        while found := await self._writer.undecided(utcnow() - self._after, BATCH):
            decisions = await self._tokens.decisions([question_of(one) for one in found])
            if decisions is None:
                break
            decided += len(await self._writer.decide(asked_again(found, decisions)))
            if len(found) < BATCH:
                break
        return decided
