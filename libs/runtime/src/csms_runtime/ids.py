"""Identifiers: unique, cheap, without meaning."""

import itertools
import os
import random
import re
import uuid

_TRACEPARENT = re.compile(r"^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$")


class IdSequence:
    """Ids made of a random prefix and a counter: one draw of randomness per process, no system call per id."""

    def __init__(self) -> None:
        self._prefix = uuid.uuid4().hex[:20]
        self._counter = itertools.count(1)

    def __call__(self) -> str:
        """Return the next id: 20 hexadecimal digits, a hyphen, a counter of at least 6 (fits OCPP's 36 characters)."""
        return f"{self._prefix}-{next(self._counter):06x}"


_sequence = IdSequence()


def _renew() -> None:
    global _sequence  # noqa: PLW0603 a forked child must not repeat its parent's ids
    _sequence = IdSequence()


os.register_at_fork(after_in_child=_renew)


def new_id() -> str:
    """Return an id that is unique among all processes and starts; at most 36 characters of `[0-9a-f-]`."""
    return _sequence()


def new_traceparent() -> str:
    """Return a new W3C Trace Context `traceparent` (version 00, sampled)."""
    trace, span = random.getrandbits(128) | 1, random.getrandbits(64) | 1  # neither may be zero; no secrets
    return f"00-{trace:032x}-{span:016x}-01"


def is_traceparent(text: str) -> bool:
    """Whether `text` is a valid W3C `traceparent`."""
    return _TRACEPARENT.match(text) is not None


def trace_id(traceparent: str) -> str:
    """Return the trace id of a valid `traceparent`, else an empty string."""
    return traceparent.split("-", 2)[1] if is_traceparent(traceparent) else ""
