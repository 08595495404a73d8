"""How a campaign goes on: waves, the window of the day, and when it stops; pure."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from csms_device_mgmt.bulk.progress import FINAL, TargetStatus

FAILED = (TargetStatus.ERROR, TargetStatus.TIMEOUT, TargetStatus.UNKNOWN)
"""What counts as a failure. Stations that were not connected, or refused before anything was sent, do not."""
LEAST_ENDED = 5
"""So many stations must be through before a rate of failures says anything."""


class Window(BaseModel):
    """When updates may be begun, every day. `until` before `begins`: over midnight."""

    model_config = ConfigDict(extra="forbid")

    begins: time = Field(description="Time of day, e.g. 22:00")
    until: time
    time_zone: Literal["UTC", "site"] = Field("UTC", description="site: that of each station's site, UTC without one")

    @model_validator(mode="after")
    def _has_no_zone(self) -> Self:
        if self.begins.tzinfo is not None or self.until.tzinfo is not None:
            raise ValueError("times of day have no zone: say time_zone")
        if self.begins == self.until:
            raise ValueError("the window is empty")
        return self

    def is_open(self, at: time) -> bool:
        """Whether it is open at that time of day."""
        if self.begins < self.until:
            return self.begins <= at < self.until
        return at >= self.begins or at < self.until

    def open_zones(self, zones: Iterable[str], now: datetime) -> list[str]:
        """Return the time zones in which it is open now; one that is not known counts as UTC."""
        return [zone for zone in zones if self.is_open(_local(zone, now))]


def _local(zone: str, now: datetime) -> time:
    try:
        return now.astimezone(ZoneInfo(zone)).time()
    except (KeyError, ValueError, OSError):
        return now.time()


class Plan(BaseModel):
    """What a campaign keeps to."""

    version: str
    waves: list[Annotated[float, Field(gt=0, le=100)]] = Field(default_factory=lambda: [100.0])
    window: Window | None = None
    stop_on_failure_rate: float | None = None
    give_up_after_h: float = 24.0

    @property
    def longest(self) -> timedelta:
        """How long an update may take."""
        return timedelta(hours=self.give_up_after_h)

    def is_failing(self, counts: Mapping[str, int]) -> bool:
        """Whether so many failed that it stops."""
        failed = sum(counts.get(status, 0) for status in FAILED)
        ended = failed + counts.get(TargetStatus.RESULT, 0)
        rate = self.stop_on_failure_rate
        return rate is not None and ended >= LEAST_ENDED and failed / ended > rate

    def wave(self, counts: Mapping[str, int], total: int) -> int:
        """Return which wave it is in, from 1 on: the next one begins when all stations of those before are through."""
        ended = sum(counts.get(status, 0) for status in FINAL)
        limits = self._limits(total)
        return next((number for number, limit in enumerate(limits, start=1) if ended < limit), len(limits))

    def room(self, counts: Mapping[str, int], total: int) -> int:
        """Return how many more stations may be begun with, by the waves."""
        begun = sum(counts.values())
        return max(0, self._limits(total)[self.wave(counts, total) - 1] - begun)

    def _limits(self, total: int) -> list[int]:
        """The number of stations up to the end of each wave. The last one has all."""
        return [*(math.ceil(total * percent / 100) for percent in self.waves[:-1]), total]
