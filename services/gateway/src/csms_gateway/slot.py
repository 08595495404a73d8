"""Guards this gateway's slot, and knows the other gateways. One that finds a later process in its slot ends."""

import asyncio

import structlog
from csms.v1.station_pb2 import GATEWAY_STATE_STOPPED, GatewayStatus
from csms_bus.gateways import Gateways
from csms_bus.ports import Bus
from csms_runtime import metrics
from csms_runtime.starting import CannotStart

from csms_gateway.identity import GatewayId

_log = structlog.get_logger(__name__)


class SlotTaken(CannotStart):
    """A later gateway process has this one's slot: answers and commands go to it."""


class Slot:
    """Follows gateway.status, from before the gateway announces itself until it has ended."""

    def __init__(self, bus: Bus, gateway: GatewayId) -> None:
        self._gateway = gateway
        self._gateways = Gateways(bus, on_status=self._heard)
        self.taken = asyncio.Event()
        """Set when a later process has the slot."""

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the topic until `stop` is set. Call it once."""
        await self._gateways.run(stop)

    async def begin(self) -> None:
        """Take an epoch above all that the slot had. Call it while `run` runs. Waits for the bus."""
        await self._gateways.ready()
        self._gateway.begin(self._gateways.highest_epoch(self._gateway.slot))

    def others(self) -> list[GatewayStatus]:
        """Return what each gateway of another slot that lives last said of itself."""
        return [status for status in self._gateways.statuses() if status.gateway_slot != self._gateway.slot]

    def _heard(self, status: GatewayStatus) -> None:
        ours, other = (self._gateway.epoch, self._gateway.instance), (status.gateway_epoch, status.instance)
        if status.gateway_slot != self._gateway.slot or other == ours or status.state == GATEWAY_STATE_STOPPED:
            return
        metrics.GATEWAY_SLOT_CONFLICTS.inc()
        facts = {"slot": self._gateway.slot, "epoch": ours[0], "other_epoch": other[0]}
        if other > ours:
            _log.error("another gateway has taken this one's slot; ending (is CSMS_SLOT the same for two?)", **facts)
            self.taken.set()
        else:
            _log.warning("another gateway uses this one's slot, and is to end", **facts)
