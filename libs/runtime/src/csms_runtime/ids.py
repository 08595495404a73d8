"""Identifiers: unique, cheap, without meaning."""

import itertools
import os
import random
import re
import uuid

_TRACEPARENT = re.compile(r"^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$")


_prefix = ""
_counter = itertools.count(1)


def _renew() -> None:
    global _prefix, _counter
    _prefix, _counter = uuid.uuid4().hex[:20], itertools.count(1)


_renew()
os.register_at_fork(after_in_child=_renew)


def new_id() -> str:
    """Return an id that is unique among all processes and starts; at most 36 characters of `[0-9a-f-]`.

    20 random digits of the process, a hyphen, and a counter of at least 6: no system call per id.
    """
    return f"{_prefix}-{next(_counter):06x}"


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
