"""One register in the course of a transaction: what it gained, whatever happens to it. See docs/energy.md.

A reading that does not fit the one before is odd: a lower one may be a reset or a wrong reading, a much higher one
a wrong reading or no register at all. The next reading decides.
"""

from typing import NamedTuple

from csms_transactions.domain.quality import Reason

ROUNDING_WH = 1.0
"""Wh. A register that runs back by no more was only rounded differently."""
MOST_W = 2e6
"""The most power in W that anything charges with."""
SURE_WH = 100_000.0
"""Less is never called impossible: clocks jump, and readings of a test come within milliseconds."""
PLAUSIBLE, FAST, IMPOSSIBLE = 0, 1, 2
_FAST_W, _FAST_WH = 400_000.0, 30_000.0
"""A register that seems to have begun at 0 and rose by so much, so fast, may not have begun there."""
_FEW_WH = 10_000.0
_MANY_TIMES = 10
_MODULI = sorted((*(10.0**digits for digits in range(6, 13)), 2.0**31, 2.0**32))
"""Values in Wh after which registers begin again at 0."""
_NEAR = 0.01
_COARSE_WH = 1000.0
_BACKWARDS, _RESET, _ROLLOVER, _OUTLIER, _IMPOSSIBLE, _ROUNDED, _HISTORY, _NET, _NET_BACK = (
    int(reason)
    for reason in (
        Reason.BACKWARDS,
        Reason.RESET,
        Reason.ROLLOVER,
        Reason.OUTLIER,
        Reason.IMPOSSIBLE,
        Reason.ROUNDED,
        Reason.HISTORY,
        Reason.NET,
        Reason.NET_BACK,
    )
)


class Odd(NamedTuple):
    """The register before a reading that does not fit."""

    last: float
    base: float
    reasons: int
    at: float


class Counter(NamedTuple):
    """A register from its first reading to its last."""

    first: float
    last: float
    at: float
    """Time of the last reading, seconds since 1970."""
    base: float
    """Wh. What the first reading would have been if the register had not been reset since."""
    reads: int = 1
    reasons: int = 0
    """`Reason`s; with NET from the first reading on it may run in both directions."""
    offline: bool = False
    """The first reading was made while the station was offline."""
    zero_step: float | None = None
    """Wh that were gained with the second reading, if the first one was 0."""
    zero_pace: int = PLAUSIBLE
    """How fast that was: PLAUSIBLE, FAST or IMPOSSIBLE."""
    odd: Odd | None = None

    @property
    def gained(self) -> float:
        """Wh between the first reading and the last."""
        return round(self.last - self.base, 3)

    @property
    def is_past_zero(self) -> bool:
        """Whether it did not begin at 0, or shows more than 0 by now."""
        return self.first != 0 or self.zero_step is not None

    def risen(self, wh: float, at: float) -> "Counter | None":
        """The counter after the usual reading; None: it is another one."""
        first, last, _, base, reads, reasons, offline, step, pace, odd = self
        if odd is None and 0 <= wh - last <= SURE_WH and (first != 0 or step is not None):
            return Counter(first, wh, at, base, reads + 1, reasons, offline, step, pace)
        return None

    def read(self, wh: float, at: float, *, ends: bool = False) -> "Counter":
        """The counter after one more reading. `ends`: it is that of the end, which stands."""
        usual = self.risen(wh, at)
        if usual is not None:
            return usual
        gain = wh - self.last
        read = self._replace(reads=self.reads + 1)
        if self.odd is not None:
            return read.after_odd(self.odd, wh, at)
        if gain > 0 and not self.is_past_zero:
            return read._replace(last=wh, at=at, zero_step=gain, zero_pace=pace(gain, at - self.at))
        if ends and at < self.at and self.first <= wh < self.last:
            return read._replace(last=wh, at=at, reasons=self.reasons | _HISTORY)
        return read.step(wh, at)

    def void_start(self) -> bool:
        """Whether the first reading, 0, stands for a register that was not read."""
        step = self.zero_step
        if step is None:
            return False
        after = self.gained - step
        jumped = self.offline and step > _FEW_WH and 0 < after * _MANY_TIMES < step
        return self.zero_pace == IMPOSSIBLE or jumped

    def from_zero_unsure(self) -> bool:
        """Whether the first reading is 0 and may stand for one that was not read."""
        if self.first != 0:
            return False
        return self.offline or self.zero_pace != PLAUSIBLE or (self.zero_step or 0.0) > SURE_WH

    def step(self, wh: float, at: float) -> "Counter":
        """The counter after a reading, of which nothing is known to be odd yet."""
        gain = wh - self.last
        if gain < -ROUNDING_WH:
            return self._lower(wh, at)
        if is_impossible(gain, at - self.at):
            return self._oddly(wh, at, gain, _IMPOSSIBLE)
        return self._replace(last=wh, at=at)

    def _lower(self, wh: float, at: float) -> "Counter":
        modulus = _passed(self.last, wh) if wh >= 0 else None
        if modulus is not None:
            return self._oddly(wh, at, modulus - self.last + wh, _ROLLOVER)
        if self.reasons & _NET:
            return self._back(wh, at)
        if wh <= self.last / 10:
            return self._oddly(wh, at, wh, _RESET)
        if (
            self.last > _FEW_WH
            and self.last - wh < _COARSE_WH
            and (wh % _COARSE_WH == 0 or self.last % _COARSE_WH == 0)
        ):
            return self._replace(last=wh, at=at, reasons=self.reasons | _ROUNDED)
        if at < self.at and wh >= self.first:  # an older reading may be lower: that fits
            return self._replace(reasons=self.reasons | _HISTORY)
        return self._oddly(wh, at, 0.0, _BACKWARDS)

    def _back(self, wh: float, at: float) -> "Counter":
        """The counter of a net register that shows less: it gives back, if it was not reset."""
        if 0 <= wh <= self.last / 10 and not self.reasons & _NET_BACK:
            return self._oddly(wh, at, wh, _RESET)
        if is_impossible(self.last - wh, at - self.at):
            return self._oddly(wh, at, wh - self.last, _IMPOSSIBLE)
        return self._replace(last=wh, at=at, reasons=self.reasons | _NET_BACK)

    def _oddly(self, wh: float, at: float, gain: float, reason: int) -> "Counter":
        odd = Odd(self.last, self.base, self.reasons, self.at)
        base = wh - (self.last - self.base) - gain
        return self._replace(last=wh, at=at, base=base, reasons=self.reasons | reason, odd=odd)

    def after_odd(self, odd: Odd, wh: float, at: float) -> "Counter":
        """The counter after the reading that follows an odd one and says what that was."""
        settled = self._replace(odd=None)
        lower, back = self.last < odd.last, wh - odd.last
        fits = back >= -ROUNDING_WH and not is_impossible(back, at - odd.at)
        if (lower and fits) or (not lower and wh < self.last - ROUNDING_WH):
            before = settled._replace(last=odd.last, base=odd.base, reasons=odd.reasons | _OUTLIER, at=odd.at)
            return before.step(wh, at)
        if lower and self.reasons & _BACKWARDS and not odd.reasons & _BACKWARDS and self.last <= odd.last / 2:
            settled = settled._replace(base=odd.base - odd.last, reasons=odd.reasons | _RESET)
        return settled.step(wh, at)


def is_impossible(gain: float, seconds: float) -> bool:
    """Whether nothing can charge so much in that time; without a time that can be true nobody knows."""
    return gain > SURE_WH and seconds > 0 and gain * 3600 > MOST_W * seconds


def pace(gain: float, seconds: float) -> int:
    """How fast that is: PLAUSIBLE, FAST or IMPOSSIBLE."""
    if is_impossible(gain, seconds):
        return IMPOSSIBLE
    return FAST if gain > _FAST_WH and seconds > 0 and gain * 3600 > _FAST_W * seconds else PLAUSIBLE


def _passed(last: float, wh: float) -> float | None:
    """Return the value at which the register began again at 0, on its way to a low one; None: it did not."""
    for modulus in _MODULI:
        if last < modulus:
            return modulus if last >= modulus * (1 - _NEAR) and wh <= modulus * _NEAR else None
    return None
