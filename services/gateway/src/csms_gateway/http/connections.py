"""GET /gateway/connections: the stations connected to this gateway."""

from datetime import datetime, timedelta
from typing import Annotated

from csms_ocpp.session import Registration
from csms_ocpp.versions import Protocol
from csms_runtime.clock import from_ms, utcnow
from csms_runtime.http import Page, PageParams, encode_cursor, require
from csms_runtime.http.fields import one_of
from fastapi import APIRouter, Security
from pydantic import BaseModel, Field

from csms_gateway.connection import StationConnection
from csms_gateway.connections import Connections


class ConnectionView(BaseModel):
    """A connection as the API shows it."""

    id: str = Field(description="Id of the connection")
    station_id: str
    protocol: Protocol
    security_profile: int
    remote_address: str
    registration_status: Annotated[str, one_of(*Registration)] = Field(
        description="What the station was last told when it booted"
    )
    connected_at: datetime
    last_heard_at: datetime = Field(description="When the station last sent anything, a pong included")
    open_commands: int = Field(description="CALLs for the station that are queued or not answered yet")


def router(connections: Connections) -> APIRouter:
    """The routes, for mounting under /api/v1."""
    routes = APIRouter(prefix="/gateway", tags=["gateway"], dependencies=[Security(require("read"))])

    @routes.get("/connections", summary="List the stations connected to this gateway")
    async def list_gateway_connections(page: PageParams) -> Page[ConnectionView]:
        position = page.after(str)
        found = connections.page("" if position is None else position[0], page.limit + 1)
        shown = found[: page.limit]
        more = len(found) > page.limit
        return Page(
            items=[view(connection) for connection in shown],
            next_cursor=encode_cursor([shown[-1].station_id]) if more else None,
        )

    return routes


def view(connection: StationConnection) -> ConnectionView:
    """Show a connection."""
    connected_at = from_ms(connection.connected_at_ms)
    # The two clocks differ a little. A station is never heard before it is connected.
    last_heard_at = max(connected_at, utcnow() - timedelta(seconds=connection.silent_s))
    return ConnectionView(
        id=connection.connection_id,
        station_id=connection.station_id,
        protocol=connection.protocol,
        security_profile=connection.peer.security_profile,
        remote_address=connection.peer.remote_address,
        registration_status=connection.registration,
        connected_at=connected_at,
        last_heard_at=last_heard_at,
        open_commands=len(connection.commands),
    )
