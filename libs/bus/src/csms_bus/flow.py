"""How a handler says what is to become of its records, and how a consumer stops.

Exception
├── Later                  the whole batch again after a pause, as often as it takes
├── Never                  this record is poison: to the dead letters at once
└── TooManyDeadLetters     the consumer gave up: a bad deploy rather than bad data
"""

import random


class Later(Exception):  # noqa: N818 named for what it asks for
    """Something the handler needs is away for the moment (the database, for one). Nothing of the batch was stored."""


class Never(Exception):  # noqa: N818 as above
    """The record can never be processed. The text is the reason people will read; it must hold no secrets."""


class TooManyDeadLetters(Exception):  # noqa: N818 as above
    """So many records in a row failed that the consumer stopped rather than give up every record it sees."""


class Backoff:
    """Pauses that double from `first_s` to `longest_s` seconds, each shortened at random by up to half."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._failures = 0

    def next_pause(self) -> float:
        """Return how many seconds to pause now."""
        pause: float = min(self._longest_s, self._first_s * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 jitter needs no secrecy

    def reset(self) -> None:
        """Start again with the shortest pause: it worked."""
        self._failures = 0
