"""Turns aiokafka's errors into the bus's."""

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
"""The reasons why brokers could not be reached, while `bus_errors` is entered."""
_MOVED = (CommitFailedError, IllegalStateError)
_NOT_AUTHORIZED = (ClusterAuthorizationFailedError, GroupAuthorizationFailedError, TopicAuthorizationFailedError)
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError)


def as_bus_error(error: BaseException) -> BusError:
    """Return the bus's error for an error of aiokafka, a timeout or an OSError."""
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
    """Turn Kafka's errors into the bus's. After a failure to connect they say why (a wrong password ...)."""
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
    """Notes why aiokafka could not connect: only its log says so, not its error."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass."""
        reasons = _reasons.get()
        if reasons is not None and isinstance(record.args, tuple):
            reasons += [str(argument) or repr(argument) for argument in record.args if isinstance(argument, Exception)]
        return True


logging.getLogger("aiokafka").addFilter(_NoteReason())


def is_retriable(error: BaseException) -> bool:
    """Whether aiokafka itself goes on after this error. If not, its client can't be used any more."""
    return bool(getattr(error, "retriable", False))
