"""Bounds of what one session keeps in memory."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Bounds of one session. Sessions share one object."""

    max_queued_calls: int = 8
    """With so many CALLs of the station behind the one in work, `can_receive` is False."""
    max_queued_bytes: int = 1_048_576
    """With so many bytes of these CALLs, `can_receive` is False too. One CALL may exceed it."""
    max_queued_commands: int = 32
    """Commands that may wait behind the open one."""
    max_queued_command_bytes: int = 4_194_304
    """Bytes of payloads of these commands. One command of any size may wait alone."""
    answers_kept: int = 16
    """Answers that are kept for a station that repeats a CALL."""
    answer_max_bytes: int = 8192
    """Bytes. A longer answer is not kept."""
    answer_max_age_s: float = 300
    """Seconds since a CALL first came. A repeat that comes later counts as a new CALL."""
    timed_out_kept: int = 16
    """Ids of timed-out commands that are kept, to tell late answers from unknown ones."""


DEFAULT_LIMITS = SessionLimits()
