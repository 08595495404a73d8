"""Bounds of what one session keeps in memory."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Bounds of one session; share one object between sessions."""

    max_queued_calls: int = 8
    """Station CALLs waiting behind the one in work; from then on `can_receive` is False."""
    max_queued_bytes: int = 1_048_576
    """Bytes of these; one more CALL may come on top."""
    max_queued_commands: int = 32
    """Commands waiting behind the open one."""
    max_queued_command_bytes: int = 4_194_304
    """Bytes of these; one of any size may wait alone."""
    answers_kept: int = 16
    """Answers kept for a station that repeats a CALL."""
    answer_max_bytes: int = 8192
    """Longer answers are not kept."""
    answer_max_age_s: float = 300
    """A CALL repeated later than that is a new one. Seconds since it first came."""
    timed_out_kept: int = 16
    """Ids of timed-out commands kept to tell late answers from unknown ones."""


DEFAULT_LIMITS = SessionLimits()
