"""Why an energy is less than measured: each reason, the quality that is left with it, and a text for people."""

from enum import IntFlag, StrEnum, auto
from typing import NamedTuple


class Quality(StrEnum):
    """How far an energy can be trusted, the best first."""

    MEASURED = "measured"
    """The difference of two readings of one register, one at the start and one at the end."""
    DERIVED = "derived"
    """Computed from measured values by a rule that holds for meters which work as the standard says."""
    ESTIMATED = "estimated"
    """A guess: something that was not told had to be assumed."""
    IMPLAUSIBLE = "implausible"
    """The readings cannot be true; no energy is given."""


class Reason(IntFlag):
    """A reason for less than the best quality. The numbers are stored: add, never change."""

    EARLIER_RULE = auto()
    NO_START = auto()
    NO_END = auto()
    BRIDGED = auto()
    BRIDGED_PARTLY = auto()
    NOT_BRIDGED = auto()
    PHASES_MISSING = auto()
    PHASES_JOINED = auto()
    DISAGREE = auto()
    TWO_VALUES = auto()
    RESET = auto()
    ROLLOVER = auto()
    OUTLIER = auto()
    ZERO_START = auto()
    PLACEHOLDER = auto()
    HISTORY = auto()
    INTERVALS = auto()
    INTERVALS_MISSING = auto()
    NET = auto()
    NET_BACK = auto()
    NOT_OUTLET = auto()
    BACKWARDS = auto()
    IMPOSSIBLE = auto()
    NOTHING_REAL = auto()
    ROUNDED = auto()
    MERGED = auto()


class _Meaning(NamedTuple):
    quality: Quality
    note: str


_D, _E, _I = Quality.DERIVED, Quality.ESTIMATED, Quality.IMPLAUSIBLE
MEANINGS = {
    Reason.EARLIER_RULE: _Meaning(_E, "computed by an earlier version, which had no qualities"),
    Reason.NO_START: _Meaning(
        _E, "no reading from the start of the transaction: what flowed before the first is missing"
    ),
    Reason.NO_END: _Meaning(_E, "no reading from the end of the transaction: what flowed after the last is missing"),
    Reason.BRIDGED: _Meaning(_D, "told per phase at one time and in total at another; the phases were added up"),
    Reason.BRIDGED_PARTLY: _Meaning(_E, "told in total and for fewer than three phases; taken as the same register"),
    Reason.NOT_BRIDGED: _Meaning(_E, "total and phases do not fit together: what flowed between them is missing"),
    Reason.PHASES_MISSING: _Meaning(_E, "a phase was not told any more: only the others are counted to the end"),
    Reason.PHASES_JOINED: _Meaning(_E, "a phase was told later than the others: it is counted from its first reading"),
    Reason.DISAGREE: _Meaning(_E, "total and sum of phases show different energies; the total is taken"),
    Reason.TWO_VALUES: _Meaning(_E, "one register was told with two values at one time; the first is taken"),
    Reason.RESET: _Meaning(_E, "the register was reset; it is counted on from zero"),
    Reason.ROLLOVER: _Meaning(_E, "the register passed its highest value and began again"),
    Reason.OUTLIER: _Meaning(_E, "a reading that lay beside all others is left out"),
    Reason.ZERO_START: _Meaning(_E, "the first reading is 0, which may stand for a register that was not read"),
    Reason.PLACEHOLDER: _Meaning(_E, "the first reading, 0, cannot be true and is left out"),
    Reason.HISTORY: _Meaning(_E, "readings told afterwards contradict those told before"),
    Reason.INTERVALS: _Meaning(_D, "no register was told; the energies of intervals are added up"),
    Reason.INTERVALS_MISSING: _Meaning(_E, "intervals may be missing, told twice, or in part of another time"),
    Reason.NET: _Meaning(_D, "only the net register was told"),
    Reason.NET_BACK: _Meaning(_E, "the net register also ran backwards: energy given back is subtracted"),
    Reason.NOT_OUTLET: _Meaning(_D, "not measured at the outlet"),
    Reason.BACKWARDS: _Meaning(_I, "the register ran backwards"),
    Reason.IMPOSSIBLE: _Meaning(_I, "the register rose faster than anything charges"),
    Reason.ROUNDED: _Meaning(_E, "the register was told with different precision"),
    Reason.MERGED: _Meaning(_E, "a message had so many readings that several were made one"),
    Reason.NOTHING_REAL: _Meaning(_I, "the readings cannot be compared with each other"),
}
_IMPLAUSIBLE = int(Reason.BACKWARDS | Reason.IMPOSSIBLE | Reason.NOTHING_REAL)
_DERIVED = int(Reason.BRIDGED | Reason.INTERVALS | Reason.NET | Reason.NOT_OUTLET)


def quality_of(reasons: int) -> Quality:
    """Return what is left with these reasons."""
    if not reasons:
        return Quality.MEASURED
    if reasons & _IMPLAUSIBLE:
        return Quality.IMPLAUSIBLE
    return Quality.ESTIMATED if reasons & ~_DERIVED else Quality.DERIVED


def notes_of(reasons: int) -> list[str]:
    """Return the reasons, as text."""
    return [meaning.note for reason, meaning in MEANINGS.items() if reasons & reason] if reasons else []
