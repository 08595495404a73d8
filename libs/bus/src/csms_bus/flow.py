"""How a handler says what is to become of its records, and how a consumer stops.

Exception
├── Later                  the whole batch again after a pause, as often as it takes
├── Never                  this record is poison: to the dead letters at once
└── TooManyDeadLetters     the consumer gave up: a bad deploy rather than bad data
"""

from csms_runtime.waiting import Backoff, Later

__all__ = ["Backoff", "Later", "Never", "TooManyDeadLetters"]


class Never(Exception):  # noqa: N818 named for what it asks for
    """The record can never be processed. The text is the reason people will read; it must hold no secrets."""


class TooManyDeadLetters(Exception):  # noqa: N818 as above
    """So many records in a row failed that the consumer stopped rather than give up every record it sees."""
