"""Work that a station does on request and reports on: firmware updates, publications, log uploads.

Mostly by requestId. Where OCPP 1.6 has none, this service numbers the jobs, and the station means the newest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class JobKind(StrEnum):
    """What a station was asked for."""

    FIRMWARE_UPDATE = "firmware"
    PUBLICATION = "publication"
    LOG = "log"


class JobState(StrEnum):
    """Where a job stands, whatever its kind."""

    REQUESTED = "requested"
    NOT_SENT = "not_sent"
    UNANSWERED = "unanswered"
    REJECTED = "rejected"
    ONGOING = "ongoing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


UNDER_WAY = frozenset({JobState.REQUESTED, JobState.UNANSWERED, JobState.ONGOING})
"""The station may still be at it."""

IDLE = "Idle"
"""The status of a station that is at nothing; it concerns no job (L01.FR.20, N01.FR.13)."""


@dataclass(frozen=True, slots=True)
class Course:
    """How a kind of job goes."""

    kind: JobKind
    notification: str
    """The message that reports on it."""
    completed: frozenset[str]
    failed: frozenset[str]
    is_numbered: bool = True
    """Whether its messages have a requestId. If not, the station's answer has no status either: it means yes."""

    def agreed(self, response: Mapping[str, Any]) -> str | None:
        """Return the status of an answer; None: it has none."""
        return response.get("status") if self.is_numbered else ACCEPTED


ACCEPTED = "Accepted"
CANCELED = "AcceptedCanceled"
"""As an answer: an earlier job was canceled for this one (L01.FR.24, N01.FR.12). As a status of a log: it was."""


def after_report(course: Course, status: str) -> JobState:
    """Return a job's state after the station reported a status. What the station says last counts."""
    if status in course.completed:
        return JobState.COMPLETED
    if status in course.failed:
        return JobState.FAILED
    return JobState.CANCELED if status == CANCELED else JobState.ONGOING


def after_response(current: JobState, response_status: str | None, *, sent: bool) -> JobState:
    """Return a job's state after the answer to what asked for it; None: no answer with a status came.

    A status may be handled before the answer: what it made of the job is kept.
    """
    if current not in {JobState.REQUESTED, JobState.UNANSWERED, JobState.NOT_SENT}:
        return current
    if response_status is None:
        return JobState.UNANSWERED if sent else JobState.NOT_SENT
    return JobState.ONGOING if response_status in {ACCEPTED, CANCELED} else JobState.REJECTED
