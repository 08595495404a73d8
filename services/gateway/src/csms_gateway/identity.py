"""Who this gateway is on the bus."""

from dataclasses import dataclass

from csms.v1.station_pb2 import ReplyTo
from csms_bus import topics
from csms_runtime.clock import now_ms


@dataclass(frozen=True, slots=True)
class GatewayId:
    """A gateway process: its slot, and its epoch, which tells one start of the process from the next."""

    slot: int
    epoch: int
    """Unix time in milliseconds of the start."""

    @classmethod
    def of_new_process(cls, slot: int) -> "GatewayId":
        """The identity of a gateway that starts now."""
        return cls(slot, now_ms())

    @property
    def reply_to(self) -> ReplyTo:
        """Where answers for this gateway are published."""
        return ReplyTo(topic=topics.GATEWAY_INBOX.name, partition=self.slot)

    @property
    def key(self) -> str:
        """The key of records about the gateway itself."""
        return str(self.slot)
