"""The time of a reading, by a clock that may have been set since, and how the reading came."""

from typing import NamedTuple

from csms_transactions.domain.readings import SLACK_S, TRANSACTION_END


class Moment(NamedTuple):
    """When and how something was read."""

    at: float
    """Seconds since 1970."""
    context: str
    told_at: float
    """The time of the message it came in."""
    starts: bool = False
    """It came with the event that starts the transaction."""
    ends: bool = False
    """It came with the event that ends it, or after that."""
    offline: bool = False
    """The station was offline, or may have been, since the Started event is missing."""
    ambiguous: bool = False
    """A register was told twice, with different values."""
    newest_at: float = 0.0
    """Time of the last reading in its message: where that is newer than the message, the message's time is wrong."""

    began_at: float = 0.0
    """When the transaction began; 0: in a MeterValues message, nobody asks."""

    @property
    def is_end(self) -> bool:
        """Whether it was read when the transaction ended."""
        return self.context == TRANSACTION_END or (self.ends and abs(self.at - self.told_at) <= SLACK_S)

    def is_before(self, at: float) -> bool:
        """Whether it was read before `at`, the time of a reading that is known already.

        A message cannot tell what comes after it: where it seems so, a clock was set back in between, and what was read
        by the clock of before comes first.
        """
        told_at = max(self.told_at, self.newest_at) + SLACK_S
        if self.at > told_at:
            return at <= told_at or self.at < at
        return self.at < at <= told_at
