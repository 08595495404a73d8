"""aiokafka's errors as the bus's."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RecordTooLargeError,
)

from csms_bus.ports import BusError, BusUnavailable, NotAssigned, RecordTooLarge

_MOVED = (CommitFailedError, IllegalStateError)
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError)


def as_bus_error(error: BaseException) -> BusError:
    """Return the bus's error for one of aiokafka's (or a time-out, or an OSError)."""
    if isinstance(error, _MOVED):
        return NotAssigned(str(error))
    if isinstance(error, _TOO_LARGE):
        return RecordTooLarge(str(error))
    return BusUnavailable(f"{type(error).__name__}: {error}".removesuffix(": "))


@contextmanager
def bus_errors() -> Iterator[None]:
    """Turn Kafka's errors into the bus's."""
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise as_bus_error(error) from error


def is_retriable(error: BaseException) -> bool:
    """Whether aiokafka itself goes on after this error; else its client is of no further use."""
    return bool(getattr(error, "retriable", False))
