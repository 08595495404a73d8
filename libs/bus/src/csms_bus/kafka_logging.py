"""Keeps aiokafka's log readable while a broker is away: each client logs the same many times a second."""

import logging
import time

_LOGGERS = (
    "aiokafka",
    "aiokafka.cluster",
    "aiokafka.conn",
    "aiokafka.consumer.consumer",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.producer",
    "aiokafka.producer.sender",
)


class Seldom(logging.Filter):
    """Lets a message pass once in `period_s` seconds, with the number of repeats that were left out.

    Messages are the same when their logger and their text before formatting are.
    """

    def __init__(self, period_s: float = 10.0) -> None:
        super().__init__()
        self._period_s = period_s
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """See `logging.Filter`."""
        message = (record.name, str(record.msg))
        now = time.monotonic()
        since, left_out = self._seen.get(message, (-self._period_s, 0))
        if now - since < self._period_s:
            self._seen[message] = (since, left_out + 1)
            return False
        self._seen[message] = (now, 0)
        if left_out:
            record.msg = f"{record.msg} (and {left_out} times since the last one)"
        return True


_seldom = Seldom()


def quieten() -> None:
    """Filter aiokafka's log in this process. May be called again."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_seldom)
