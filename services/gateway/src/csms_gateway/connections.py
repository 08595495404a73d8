"""The open connections of this gateway, one per station: the one with the highest number."""

from bisect import bisect_right
from collections.abc import Iterator

from csms_ocpp.versions import BUILT
from csms_runtime import metrics

from csms_gateway.connection import StationConnection

REPLACED = "replaced"
"""Why the older connection of a station is closed."""


class Connections:
    """Connections by station id. Not shared between threads."""

    def __init__(self) -> None:
        self._connections: dict[str, StationConnection] = {}
        self.closing = False
        """Whether the gateway closes all of them. One that is added now must be drained at once."""
        for protocol in BUILT:
            metrics.GATEWAY_CONNECTIONS.labels(protocol).inc(0)  # it is told from the start

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[StationConnection]:
        return iter(tuple(self._connections.values()))

    def add(self, connection: StationConnection) -> StationConnection | None:
        """Make this the station's connection, unless there is a newer one: handshakes may end in another order.

        Returns the older one of the two, which the caller must close; None when there is no other. A connection without
        a number counts as the newest: an older version of auth gives no numbers.
        """
        present = self._connections.get(connection.station_id)
        if present is not None and 0 < connection.number < present.number:
            return connection
        self._connections[connection.station_id] = connection
        metrics.GATEWAY_CONNECTIONS.labels(connection.protocol).inc()
        if present is not None:
            metrics.GATEWAY_CONNECTIONS.labels(present.protocol).inc(-1)
        return present

    def remove(self, connection: StationConnection) -> None:
        """Forget a connection that ended; does nothing when a newer one has taken its place."""
        if self._connections.get(connection.station_id) is connection:
            del self._connections[connection.station_id]
            metrics.GATEWAY_CONNECTIONS.labels(connection.protocol).inc(-1)

    def find(self, station_id: str, epoch: int, connection_id: str) -> StationConnection | None:
        """The station's connection, if the owner token is its own."""
        connection = self._connections.get(station_id)
        if connection is not None and (connection.epoch, connection.connection_id) == (epoch, connection_id):
            return connection
        return None

    def page(self, after: str, limit: int) -> list[StationConnection]:
        """Return up to `limit` connections in order of station id, those after `after` ("": from the first)."""
        names = sorted(self._connections)
        first = bisect_right(names, after) if after else 0
        return [self._connections[name] for name in names[first : first + limit]]
