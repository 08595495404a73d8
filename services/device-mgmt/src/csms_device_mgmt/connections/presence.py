"""Who is connected: what the stations' rows say, as far as their gateways live."""

from collections.abc import Set as AbstractSet

from csms_bus.gateways import Gateways

from csms_device_mgmt.tables import Station


class Presence:
    """Answers whether stations are connected: by the same facts as commands are sent, so that both agree."""

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways

    def is_connected(self, station: Station) -> bool:
        """Whether a command to the station would be sent."""
        slot, epoch = station.connection_slot or 0, station.connection_epoch or 0
        return station.connection_open and self._gateways.lives(slot, epoch)

    def gateways(self) -> AbstractSet[tuple[int, int]]:
        """Return the (slot, epoch) of each living gateway."""
        return self._gateways.living()
