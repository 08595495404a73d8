"""How many sockets a gateway may have, by its settings and by the process's limit of open files."""

from dataclasses import dataclass

import structlog
from csms_runtime import open_files

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Sockets at most."""

    stations: int
    """Connected stations."""
    sockets: int
    """Connections past TLS, those that have not asked yet and those that are being refused included."""
    tls_handshakes: int
    """Connections before that."""


def socket_limits(max_connections: int, max_handshakes: int, files: int, *, is_chosen: bool = True) -> SocketLimits:
    """Return what fits: all that is configured, or else less. `files`: open files at most.

    How much it is, is logged; as a warning, if it is less than somebody chose.

    Raises ValueError when there is no room for a single station.
    """
    available = open_files.for_stations(files)
    tls_handshakes = max(1, min(max_handshakes, available // 4))
    sockets = available - tls_handshakes
    stations = min(max_connections, sockets * 9 // 10)  # the others are on their way in or out
    if stations < 1:
        raise ValueError(f"{files} open files (ulimit -n) leave no room for stations")
    if is_chosen and stations < max_connections:
        _log.warning(
            "CSMS_MAX_CONNECTIONS is more than the limit of open files (ulimit -n) allows",
            max_connections=max_connections,
            open_files=files,
            stations=stations,
        )
    else:
        _log.info("room for stations", stations=stations, open_files=files)
    return SocketLimits(stations, sockets, tls_handshakes)
