"""Opening the WebSocket as OCPP-J wants it (2.0.1: Part 4, chapter 3)."""

import base64
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from csms_testing.simulator.config import StationConfig

_LARGEST_MESSAGE = 16 * 1024 * 1024


def station_url(url: str, station_id: str) -> str:
    """The CSMS's address with the percent-encoded identity as last path segment."""
    return f"{url.rstrip('/')}/{quote(station_id, safe='')}"


def basic_auth(station_id: str, password: str | bytes) -> str:
    """The Authorization header's value: password in UTF-8 (A00.FR.205), or the bytes of a key (OCPP 1.6)."""
    secret = password if isinstance(password, bytes) else password.encode()
    return "Basic " + base64.b64encode(station_id.encode() + b":" + secret).decode()


async def open_connection(
    url: str, station_id: str, password: str | bytes | None, config: StationConfig, ping_interval_s: float = 0
) -> ClientConnection:
    """Connect; without pings when the interval is 0.

    Raises what websockets and the network raise; ConnectionError when the subprotocol was not agreed on.
    """
    tls: dict[str, Any] = {} if config.ssl is None else {"ssl": config.ssl}
    headers = {} if password is None else {"Authorization": basic_auth(station_id, password)}
    connection = await connect(
        station_url(url, station_id),
        subprotocols=[Subprotocol(config.protocol)],
        additional_headers=headers,
        compression="deflate" if config.compression else None,
        open_timeout=config.connect_timeout_s,
        ping_interval=ping_interval_s or None,  # pings cost a task per connection
        max_size=_LARGEST_MESSAGE,
        proxy=None,
        **tls,
    )
    if connection.subprotocol != Subprotocol(config.protocol):
        await connection.close()
        raise ConnectionError(f"the CSMS chose subprotocol {connection.subprotocol}")
    return connection
