"""Who is connected, as the connection table knows it."""

from csms_bus.connections import ConnectionTable


class Presence:
    """Answers whether stations are connected: the same table that commands are sent by, so that both agree."""

    def __init__(self, table: ConnectionTable) -> None:
        self._table = table

    def is_connected(self, station_id: str) -> bool:
        """Whether a command to the station would be sent."""
        return self._table.lookup(station_id) is not None

    def gateways(self) -> set[tuple[int, int]]:
        """Return the (slot, epoch) of each living gateway that holds a connection."""
        return {(connection.slot, connection.epoch) for connection in self._table.all_connected()}
