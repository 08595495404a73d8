"""Says how many sockets a gateway may have: by its settings, and by the process's limit of open files."""

from dataclasses import dataclass

import structlog
from csms_runtime import open_files

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """The greatest numbers of sockets."""

    stations: int
    """Connected stations."""
    sockets: int
    """Connections after TLS. Those without a request, and those that are being refused, count too."""
    tls_handshakes: int
    """Connections whose TLS handshake is in work."""


def socket_limits(max_connections: int, max_handshakes: int, files: int, *, is_chosen: bool = True) -> SocketLimits:
    """Return the numbers that fit: those that are configured, or less. `files`: how many files may be open.

    The numbers are logged; with a warning if they are less than somebody chose (`is_chosen`).

    Raises ValueError when there is no room for a single station.
    """
    available = open_files.for_stations(files)
    tls_handshakes = max(1, min(max_handshakes, available // 4))
    sockets = available - tls_handshakes
    stations = min(max_connections, sockets * 9 // 10)  # the rest is for those that come or go
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
