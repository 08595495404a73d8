"""Decides when a transaction without an Ended event has ended all the same.

The Ended event never comes when the power fails, a queue is lost, or a cable is pulled while the station is off. When
there is a sign of that, the CSMS asks the station (GetTransactionStatus, E14), and the answer decides.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple


class CloseReason(StrEnum):
    """The CSMS's own reasons. Operators write theirs in their own words."""

    ID_USED_AGAIN = "TransactionIdUsedAgain"
    """The station began another transaction with the same transactionId."""
    NOT_ONGOING = "NotOngoing"
    """The station said that it is not ongoing and that no message about it is queued."""
    OTHER_ON_EVSE = "OtherTransactionOnEvse"
    """Another one began on the same EVSE, and the station did not say that this one goes on."""
    BOOT = "StationBooted"
    """The station booted since, and cannot say that it goes on."""


class Evidence(StrEnum):
    """Why a running transaction may have ended."""

    OTHER_ON_EVSE = "OtherOnEvse"
    """Another one began on the same EVSE, which has one at a time (E01)."""
    BOOT = "Boot"
    """The station booted after the newest event."""


class StationSays(NamedTuple):
    """What a station said when it was asked whether a transaction is ongoing."""

    at: datetime
    ongoing: bool | None = None
    """None: it does not say."""
    queued: bool = False
    """It has messages about it that it did not deliver yet."""
    answered: bool = True
    """Whether it answered at all, even with a CALLERROR."""
    can_say: bool = True
    """Its version has a message for it. There is none in OCPP 1.6."""


class Verdict(NamedTuple):
    """What is done with a transaction that may have ended."""

    close: CloseReason | None = None
    ask_again: bool = False


FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(hours=1)
SILENCE = timedelta(hours=1)
"""So long after its boot a station that can't be asked may take to tell of a transaction. First it sends its queue, and
many measure every quarter of an hour."""


def pause(asked: int) -> timedelta:
    """Return how long to wait before the station is asked again. `asked`: how often it was asked."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(asked, 10)))


def verdict(
    evidence: Evidence | None, says: StationSays, changed_at: datetime, noted_at: datetime | None = None
) -> Verdict:
    """Decide from what the station says. `changed_at`: when the station told something of the transaction last.

    `evidence` None: somebody else asked; `noted_at`: the moment of the boot. An answer from before the newest event
    says nothing.
    """
    if not says.can_say and evidence is Evidence.BOOT:
        return _by_silence(says.at, changed_at, noted_at or changed_at)
    if says.queued:
        return Verdict(ask_again=True)
    if says.ongoing is False:
        return Verdict(CloseReason.NOT_ONGOING) if says.at >= changed_at else Verdict(ask_again=True)
    if says.ongoing or evidence is None:
        return Verdict()
    if evidence is Evidence.OTHER_ON_EVSE:
        return Verdict(CloseReason.OTHER_ON_EVSE)
    return Verdict(CloseReason.BOOT) if says.answered and says.at >= changed_at else Verdict(ask_again=True)


def _by_silence(now: datetime, changed_at: datetime, booted_at: datetime) -> Verdict:
    """Decide about a transaction whose station can't be asked: it goes on if the station told of it since its boot."""
    if changed_at > booted_at:
        return Verdict()
    return Verdict(CloseReason.BOOT) if now - booted_at >= SILENCE else Verdict(ask_again=True)
