"""Exceptions by which a handler says what must happen to its records, and by which a consumer stops.

Exception
├── Later                  the whole batch again after a pause, as often as it takes
│   └── LaterOrNever       the same, or Never for a record that alone cannot be handled while others can
├── Never                  this record is poison: to the dead letters at once
└── TooManyDeadLetters     the consumer gave up: a bad deploy rather than bad data
"""

from csms_runtime.waiting import Backoff, Later, LaterOrNever

__all__ = ["Backoff", "Later", "LaterOrNever", "Never", "TooManyDeadLetters"]


class Never(Exception):  # noqa: N818 named for what it asks for
    """The record can never be processed. The text is the reason, for people. It must hold no secrets."""


class TooManyDeadLetters(Exception):  # noqa: N818 as above
    """So many records in a row failed that the consumer stopped: it would give up every record."""
