"""Stations made with the PyPI package `ocpp`, which knows nothing of ours."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
import websockets
from csms_testing.systems import System
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result
from ocpp.v201.datatypes import (
    ChargingStationType,
    EVSEType,
    IdTokenType,
    MeterValueType,
    SampledValueType,
    TransactionType,
)
from websockets.asyncio.client import ClientConnection


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Station(ChargePoint):
    """A station as another project's user would write it."""

    def __init__(self, station_id: str, connection: ClientConnection) -> None:
        super().__init__(station_id, connection)
        self.received: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self.reset_status = "Accepted"
        self.remote_start_status = "Accepted"
        self.ongoing = True
        """What it says of any transaction."""

    async def boot(self, reason: str = "PowerUp") -> call_result.BootNotification:
        hardware = ChargingStationType(
            model="Model 1", vendor_name="Vendor", serial_number="SN-1", firmware_version="1.0"
        )
        return await self.call(call.BootNotification(charging_station=hardware, reason=reason), suppress=False)

    async def authorize(self, id_token: str, kind: str = "ISO14443") -> dict[str, Any]:
        answer = await self.call(call.Authorize(id_token=IdTokenType(id_token=id_token, type=kind)), suppress=False)
        info: dict[str, Any] = answer.id_token_info
        return info

    async def status(self, evse_id: int, connector_id: int, status: str) -> None:
        await self.call(
            call.StatusNotification(
                timestamp=now(), connector_status=status, evse_id=evse_id, connector_id=connector_id
            ),
            suppress=False,
        )

    async def transaction_event(
        self,
        event_type: str,
        transaction_id: str,
        seq_no: int,
        *,
        trigger_reason: str = "MeterValuePeriodic",
        id_token: str | None = None,
        token_type: str = "ISO14443",  # noqa: S107 no secret
        energy_wh: float | None = None,
        evse: tuple[int, int | None] | None = (1, 1),
        at: str | None = None,
        **info: Any,
    ) -> call_result.TransactionEvent:
        at = at or now()
        token = IdTokenType(id_token=id_token, type=token_type) if id_token else None
        values = None
        if energy_wh is not None:
            values = [MeterValueType(timestamp=at, sampled_value=[SampledValueType(value=energy_wh)])]
        return await self.call(
            call.TransactionEvent(
                event_type=event_type,
                timestamp=at,
                trigger_reason=trigger_reason,
                seq_no=seq_no,
                transaction_info=TransactionType(transaction_id=transaction_id, **info),
                id_token=token,
                meter_value=values,
                evse=EVSEType(id=evse[0], connector_id=evse[1]) if evse else None,
            ),
            suppress=False,
        )

    @on("Reset")
    async def on_reset(self, **payload: Any) -> call_result.Reset:
        await self.received.put(("Reset", payload))
        return call_result.Reset(status=self.reset_status)

    @on("ChangeAvailability")
    async def on_change_availability(self, **payload: Any) -> call_result.ChangeAvailability:
        await self.received.put(("ChangeAvailability", payload))
        return call_result.ChangeAvailability(status="Accepted")

    @on("RequestStartTransaction")
    async def on_request_start(self, **payload: Any) -> call_result.RequestStartTransaction:
        await self.received.put(("RequestStartTransaction", payload))
        return call_result.RequestStartTransaction(status=self.remote_start_status)

    @on("RequestStopTransaction")
    async def on_request_stop(self, **payload: Any) -> call_result.RequestStopTransaction:
        await self.received.put(("RequestStopTransaction", payload))
        return call_result.RequestStopTransaction(status="Accepted")

    @on("GetTransactionStatus")
    async def on_get_transaction_status(self, **payload: Any) -> call_result.GetTransactionStatus:
        await self.received.put(("GetTransactionStatus", payload))
        return call_result.GetTransactionStatus(messages_in_queue=False, ongoing_indicator=self.ongoing)


Connect = Callable[..., AbstractAsyncContextManager[Station]]


@asynccontextmanager
async def connected(url: str, station_id: str, password: str | None = None) -> AsyncIterator[Station]:
    """A station with an open WebSocket whose messages are being handled."""
    headers = {}
    if password is not None:
        headers["Authorization"] = websockets.headers.build_authorization_basic(station_id, password)
    async with websockets.connect(
        f"{url}/{station_id}", subprotocols=[websockets.Subprotocol("ocpp2.0.1")], additional_headers=headers
    ) as connection:
        station = Station(station_id, connection)
        reading = asyncio.create_task(station.start())
        try:
            yield station
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                await reading


@pytest.fixture
def connect(system: System) -> Connect:
    """Connects a station to the system, by default to its first gateway."""

    def make(station_id: str, *, gateway: int = 0, password: str | None = None) -> AbstractAsyncContextManager[Station]:
        return connected(system.ocpp_urls[gateway % len(system.ocpp_urls)], station_id, password)

    return make


@pytest.fixture
def station_id() -> str:
    return f"CS-{uuid.uuid4().hex[:12]}"


@pytest_asyncio.fixture
async def api(system: System) -> AsyncIterator[Any]:
    """An HTTP client with the admin key; paths relative to /api/v1."""
    async with system.client() as client:
        yield client
