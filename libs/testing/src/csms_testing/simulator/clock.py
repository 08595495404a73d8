"""The time inside the simulation: how fast cars charge, not how fast messages travel."""

import asyncio
import math
from datetime import UTC, datetime


def timestamp(moment: datetime | None = None) -> str:
    """A moment (default: now) as OCPP writes it: UTC, milliseconds, "Z"."""
    moment = datetime.now(UTC) if moment is None else moment
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Clock:
    """Simulated seconds pass `speed` times faster than real ones.

    Only physical things use it: charging, plugging, rebooting, downloading. Heartbeats, boot retries and back-off are
    the protocol's and keep real time. `math.inf` means that nothing physical takes any time: load tests use it.
    Messages always carry real timestamps, so that what the CSMS shows and sorts stays true.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError("speed must be greater than 0")
        self.speed = speed

    async def sleep(self, seconds: float) -> None:
        """Wait for simulated seconds; always lets other tasks run."""
        await asyncio.sleep(self.real(seconds))

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Wait for the event, but not longer than the simulated seconds; True when it is set."""
        if event.is_set():
            return True
        if self.real(seconds) == 0:
            await asyncio.sleep(0)
            return event.is_set()
        try:
            await asyncio.wait_for(event.wait(), self.real(seconds))
        except TimeoutError:
            return False
        return True

    def real(self, seconds: float) -> float:
        """Real seconds that simulated seconds take."""
        return 0.0 if math.isinf(self.speed) else seconds / self.speed
