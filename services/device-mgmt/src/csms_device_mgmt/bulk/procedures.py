"""What a job does at a station beyond one call that is the same for all: several calls in turn, or one of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from csms_runtime.http import Problem

from csms_device_mgmt.bulk.progress import TargetStatus

MOST_AT_ONCE = 100
"""Stations of a job at which a procedure is at work: each may wait for its answers."""
_MOST_ERRORS = 3
"""Of what is wrong with a payload, that a station's row tells."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done at a station."""

    station_id: str
    payload: Any = field(repr=False)
    requested_by: str
    timeout_s: float | None


@dataclass(frozen=True, slots=True)
class Done:
    """What became of it."""

    status: TargetStatus
    call_id: str | None = None
    """The last call that was sent."""
    refusal: Mapping[str, Any] | None = None
    """Why it was not done."""


Procedure = Callable[[Task], Awaitable[Done]]
"""Does it, by calls that are sent at most once each. Raises Problem: nothing was sent."""
Procedures = Mapping[str, Procedure]
"""By the name that jobs are stored with."""


def shown(problem: Problem) -> Mapping[str, Any]:
    """Return a problem as a station's row has it."""
    errors = [{"pointer": each.pointer, "detail": each.detail} for each in problem.errors[:_MOST_ERRORS]]
    return {"status": problem.status, "title": problem.title, "detail": problem.detail, "errors": errors}


class Doing:
    """A procedure at work at some stations of one job. One event loop only."""

    def __init__(self, procedure: Procedure) -> None:
        self._procedure = procedure
        self._tasks: dict[int, asyncio.Task[Done]] = {}

    @property
    def room(self) -> int:
        """At how many more stations it may be."""
        return MOST_AT_ONCE - len(self._tasks)

    def __contains__(self, position: int) -> bool:
        """Whether it is at work at that station, or its end was not stored yet."""
        return position in self._tasks

    def begin(self, position: int, task: Task) -> None:
        """Begin at a station."""
        self._tasks[position] = asyncio.create_task(self._do(task), name=f"bulk-{task.station_id}")

    def done(self) -> Sequence[tuple[int, Done]]:
        """Return what is over; `forget` it when it is stored."""
        return [(position, task.result()) for position, task in self._tasks.items() if task.done()]

    def forget(self, positions: Sequence[int]) -> None:
        """Forget what is over."""
        for position in positions:
            del self._tasks[position]

    async def stop(self) -> None:
        """End what is at work: nobody will know what became of it."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    async def _do(self, task: Task) -> Done:
        try:
            return await self._procedure(task)
        except Problem as problem:
            return Done(TargetStatus.REFUSED, refusal=shown(problem))
        except Exception:  # noqa: BLE001 one station's fault ends no job
            _log.exception("a station's part of a bulk job failed", station_id=task.station_id)
            return Done(TargetStatus.UNKNOWN)
