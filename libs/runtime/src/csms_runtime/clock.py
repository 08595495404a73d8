"""The wall clock. Durations are measured with `time.monotonic()` or the event loop's clock instead."""

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now_ms() -> int:
    """Return the Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def utcnow() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(tz=UTC)


def from_ms(milliseconds: int) -> datetime:
    """Return the aware UTC time of a Unix time in milliseconds. Raises OverflowError outside of years 1 to 9999."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def to_ms(moment: datetime) -> int:
    """Return an aware time as Unix time in milliseconds, rounded down. Raises ValueError when it has no zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone is ambiguous")
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000
