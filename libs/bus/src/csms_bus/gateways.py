"""Knows which gateways live. Keeps the topic gateway.status as a table in memory, with one row per slot."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from csms.v1.station_pb2 import GATEWAY_STATE_STOPPED, GatewayStatus
from csms_runtime.clock import now_ms
from csms_runtime.waiting import done_before

from csms_bus.following import follow
from csms_bus.ports import Bus, Incoming, Start
from csms_bus.topics import GATEWAY_STATUS


@dataclass(slots=True)
class _Gateway:
    status: GatewayStatus
    """What it last said of itself."""
    heard_at_ms: int

    @property
    def epoch(self) -> int:
        return self.status.gateway_epoch


class Gateways:
    """Follows gateway.status from its beginning.

    A gateway lives until it stops, a later process takes its slot, or it is silent for `silent_after_s` seconds. One
    that drains still lives. Of two processes of a slot the one with the higher epoch counts. The other one counts only
    when that one has stopped or is silent. `clock_ms` is the wall clock. `on_status` is called for each announcement
    after the table is complete. It must not block.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        silent_after_s: float = 10.0,
        clock_ms: Callable[[], int] = now_ms,
        on_status: Callable[[GatewayStatus], None] = lambda _status: None,
    ) -> None:
        self._bus = bus
        self._silent_after_ms = int(silent_after_s * 1000)
        self._clock_ms = clock_ms
        self._on_status = on_status
        self._gateways: dict[int, _Gateway] = {}
        self._highest: dict[int, int] = {}
        self._complete = asyncio.Event()

    async def ready(self) -> None:
        """Wait until the table has everything that was announced before it was read."""
        await self._complete.wait()

    def lives(self, slot: int, epoch: int) -> bool:
        """Whether this process of the slot lives, as far as is known."""
        gateway = self._gateways.get(slot)
        return gateway is not None and gateway.epoch == epoch and self._is_alive(gateway)

    def living(self) -> frozenset[tuple[int, int]]:
        """Return slot and epoch of each gateway that lives."""
        return frozenset((slot, found.epoch) for slot, found in self._gateways.items() if self._is_alive(found))

    def statuses(self) -> list[GatewayStatus]:
        """Return what each gateway that lives last said of itself. Do not change the messages."""
        return [found.status for found in self._gateways.values() if self._is_alive(found)]

    def highest_epoch(self, slot: int) -> int:
        """Return the highest epoch that was ever announced for a slot; 0 if there is none."""
        return self._highest.get(slot, 0)

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the topic until `stop` is set. Outlives broker outages. Call it once."""
        following = follow(self._bus, GATEWAY_STATUS.name, self._take, start=Start.BEGINNING)
        await done_before(following, stop)

    def _take(self, batch: Sequence[Incoming]) -> None:
        if not batch:
            self._complete.set()
        for incoming in batch:
            if incoming.record is not None and incoming.record.HasField("gateway_status"):
                self._status(incoming.record.gateway_status, incoming.record.produced_at_ms)

    def _status(self, status: GatewayStatus, produced_at_ms: int) -> None:
        slot, epoch = status.gateway_slot, status.gateway_epoch
        self._highest[slot] = max(self.highest_epoch(slot), epoch)
        known = self._gateways.get(slot)
        if known is None or known.epoch <= epoch or not self._is_alive(known):
            self._gateways[slot] = _Gateway(status, self._heard_at(produced_at_ms))
        if self._complete.is_set():
            self._on_status(status)

    def _heard_at(self, produced_at_ms: int) -> int:
        """Return when a gateway was heard: now for a new record, since clocks may differ; else when it was produced."""
        now = self._clock_ms()
        return now if self._complete.is_set() else min(now, produced_at_ms)

    def _is_alive(self, gateway: _Gateway) -> bool:
        now = self._clock_ms()
        gateway.heard_at_ms = min(gateway.heard_at_ms, now)  # our clock was put back: count from now on
        stopped = gateway.status.state == GATEWAY_STATE_STOPPED
        return not stopped and now - gateway.heard_at_ms <= self._silent_after_ms
