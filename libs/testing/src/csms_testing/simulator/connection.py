"""Opening the WebSocket as OCPP-J 2.0.1 Part 4, chapter 3, wants it."""

import base64
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from csms_testing.simulator.config import StationConfig

SUBPROTOCOL = Subprotocol("ocpp2.0.1")
_LARGEST_MESSAGE = 16 * 1024 * 1024


def station_url(url: str, station_id: str) -> str:
    """The CSMS's address with the percent-encoded identity as last path segment."""
    return f"{url.rstrip('/')}/{quote(station_id, safe='')}"


def basic_auth(station_id: str, password: str) -> str:
    """The Authorization header's value (A00.FR.205: identity and password in UTF-8)."""
    return "Basic " + base64.b64encode(f"{station_id}:{password}".encode()).decode()


async def open_connection(
    url: str, station_id: str, password: str | None, config: StationConfig, ping_interval_s: float = 0
) -> ClientConnection:
    """Connect; without pings when the interval is 0.

    Raises what websockets and the network raise; ConnectionError when the subprotocol was not agreed on.
    """
    tls: dict[str, Any] = {} if config.ssl is None else {"ssl": config.ssl}
    headers = {} if password is None else {"Authorization": basic_auth(station_id, password)}
    connection = await connect(
        station_url(url, station_id),
        subprotocols=[SUBPROTOCOL],
        additional_headers=headers,
        compression="deflate" if config.compression else None,
        open_timeout=config.connect_timeout_s,
        ping_interval=ping_interval_s or None,  # pings cost a task per connection
        max_size=_LARGEST_MESSAGE,
        proxy=None,
        **tls,
    )
    if connection.subprotocol != SUBPROTOCOL:
        await connection.close()
        raise ConnectionError(f"the CSMS chose subprotocol {connection.subprotocol}")
    return connection
