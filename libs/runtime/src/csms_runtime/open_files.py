"""How many files and sockets the process may have open, and who gets how many of them."""

import resource

_LEAST_RESERVE, _MOST_RESERVE = 64, 1536
"""Kept for what is no station: databases, Kafka, the HTTP API, files."""


def allowed() -> int:
    """Let the process have as many open files as the system allows it, and return how many these are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 2**30


def for_stations(limit: int) -> int:
    """Return how many of so many are for stations' sockets."""
    return max(1, limit - _reserve(limit))


def for_http(limit: int) -> int:
    """Return how many of so many are for the connections of one HTTP port."""
    return _reserve(limit) // 4


def _reserve(limit: int) -> int:
    return max(_LEAST_RESERVE, min(limit // 4, _MOST_RESERVE))
