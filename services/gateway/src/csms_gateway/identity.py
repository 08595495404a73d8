"""Who this gateway is on the bus."""

from dataclasses import dataclass, field

from csms.v1.station_pb2 import ReplyTo
from csms_bus import topics
from csms_runtime.clock import now_ms
from csms_runtime.ids import new_id


@dataclass(slots=True)
class GatewayId:
    """A gateway process: its slot, and its epoch, which tells one start of the process from the next."""

    slot: int
    epoch: int
    """Higher than each epoch that was announced for the slot. It is set before the gateway announces itself."""
    instance: str = field(default_factory=new_id)
    """Tells two processes apart that chose the same epoch."""

    @classmethod
    def of_new_process(cls, slot: int) -> "GatewayId":
        """The identity of a gateway that starts now."""
        return cls(slot, now_ms())

    def begin(self, highest_epoch: int) -> None:
        """Take an epoch above the highest one of the slot, even if our clock is behind."""
        self.epoch = max(now_ms(), highest_epoch + 1)

    @property
    def reply_to(self) -> ReplyTo:
        """Where answers for this gateway are published."""
        to = ReplyTo()
        self.write_reply_to(to)
        return to

    def write_reply_to(self, to: ReplyTo) -> None:
        """Write into `to` where answers for this gateway are published."""
        to.topic = topics.GATEWAY_INBOX.name
        to.partition = self.slot
        to.takes_several = True

    @property
    def key(self) -> str:
        """The key of records about the gateway itself."""
        return str(self.slot)
