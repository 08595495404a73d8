"""Work that a station does on request and reports on by requestId: firmware updates, publications, log uploads."""

from dataclasses import dataclass
from enum import StrEnum


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
    return JobState.ONGOING if response_status in {"Accepted", CANCELED} else JobState.REJECTED
