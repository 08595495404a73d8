"""aiokafka's errors as the bus's."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    CommitFailedError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
)

from csms_bus.ports import BusError, BusUnavailable, NotAssigned, NotAuthorized, RecordTooLarge

_reasons: ContextVar[list[str] | None] = ContextVar("csms_kafka_reasons", default=None)
"""Why brokers could not be reached, while `bus_errors` is entered."""
_MOVED = (CommitFailedError, IllegalStateError)
_NOT_AUTHORIZED = (ClusterAuthorizationFailedError, GroupAuthorizationFailedError, TopicAuthorizationFailedError)
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError)


def as_bus_error(error: BaseException) -> BusError:
    """Return the bus's error for one of aiokafka's (or a time-out, or an OSError)."""
    if isinstance(error, _MOVED):
        return NotAssigned(str(error))
    if isinstance(error, _TOO_LARGE):
        return RecordTooLarge(str(error))
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    if isinstance(error, _NOT_AUTHORIZED):
        return NotAuthorized(f"{text}: no ACL allows it (python -m csms_bus.acls prints those that are needed)")
    return BusUnavailable(text)


@contextmanager
def bus_errors() -> Iterator[None]:
    """Turn Kafka's errors into the bus's; of a failure to connect they say why (a wrong certificate, password ...)."""
    reasons: list[str] = []
    token = _reasons.set(reasons)
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        found = as_bus_error(error)
        if isinstance(found, BusUnavailable) and reasons:
            found = type(found)("; ".join([str(found), *dict.fromkeys(reasons)]))
        raise found from error
    finally:
        _reasons.reset(token)


class _NoteReason(logging.Filter):
    """aiokafka's error says only that it could not connect; why stands in its log alone."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass."""
        reasons = _reasons.get()
        if reasons is not None and isinstance(record.args, tuple):
            reasons += [str(argument) or repr(argument) for argument in record.args if isinstance(argument, Exception)]
        return True


logging.getLogger("aiokafka").addFilter(_NoteReason())


def is_retriable(error: BaseException) -> bool:
    """Whether aiokafka itself goes on after this error; else its client is of no further use."""
    return bool(getattr(error, "retriable", False))
