"""A gateway with more stations than another one closes connections of idle stations."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from csms.v1.auth_pb2 import REGISTRATION_STATUS_PENDING, ConnectionDecision, ConnectionRequest
from csms.v1.station_pb2 import (
    CONNECTION_STATE_CLOSED,
    GATEWAY_STATE_ALIVE,
    GATEWAY_STATE_DRAINING,
    GatewayState,
    GatewayStatus,
)
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import GATEWAY_STATUS
from csms_gateway import shedding
from csms_gateway.balance import Balance
from csms_runtime import metrics
from csms_testing.scripted import allow

if TYPE_CHECKING:
    from conftest import Start, System

STATIONS = 36
QUICK = {"shed_interval_s": 0.2, "shed_share": 0.5}
STATUS = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
STARTED = {
    "eventType": "Started",
    "timestamp": "2026-01-01T00:00:00Z",
    "triggerReason": "CablePluggedIn",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "tx-1"},
}


@pytest.fixture(autouse=True)
def _stations_may_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shedding, "_SILENT_S", 0.0)
    monkeypatch.setattr(shedding, "_YOUNGEST", 0)


async def another_lives(system: "System", state: GatewayState.ValueType = GATEWAY_STATE_ALIVE) -> None:
    """Have a gateway without stations announce itself."""
    status = GatewayStatus(gateway_slot=1, gateway_epoch=1, state=state, connections=0, instance="another")
    await system.bus.publish([Outgoing(GATEWAY_STATUS.name, new_record("", gateway_status=status), key="1")])


async def connect_all(system: "System") -> None:
    for number in range(STATIONS):
        await system.connect(f"IDLE{number}")
    await system.services.connection(f"IDLE{STATIONS - 1}")


def closed(system: "System") -> list[str]:
    """The stations that were sent away."""
    return [
        record.station_id
        for _, record in system.services.records
        if record.connection.state == CONNECTION_STATE_CLOSED and record.connection.close_reason == shedding.REASON
    ]


def pending(_request: ConnectionRequest) -> ConnectionDecision:
    return ConnectionDecision(allowed=True, registration_status=REGISTRATION_STATUS_PENDING)


async def test_idle_stations_go_and_those_that_do_something_stay(start: "Start") -> None:
    system = await start(**QUICK)
    system.services.answers["TransactionEvent"] = {}
    before = metrics.GATEWAY_SHED._value.get()
    system.services.decide = pending
    await system.connect("PENDING")
    system.services.decide = allow
    charging, calling = await system.connect("CHARGING"), await system.connect("CALLING")
    await charging.call("TransactionEvent", STARTED)
    await calling.start_call("StatusNotification", STATUS)  # nobody answers it
    commanded = await system.connect("COMMANDED")
    connection = await system.services.connection("COMMANDED")
    await system.services.command(connection, "COMMANDED", "ClearCache", {})
    await commanded.receive()
    await connect_all(system)
    await another_lives(system)
    # 40 stations, and 20 is the mean: half of those that are here go, chosen among the idle ones.
    await system.services.until(lambda: len(closed(system)) >= 15)
    assert all(name.startswith("IDLE") for name in closed(system))
    assert len(system.gateway.connections) >= 20
    assert metrics.GATEWAY_SHED._value.get() - before >= len(closed(system))
    last = system.services.connections(closed(system)[0])[-1]
    assert (last.close_code, last.close_reason) == (1001, shedding.REASON)


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        pytest.param({"shed_share": 0}, GATEWAY_STATE_ALIVE, id="off"),
        pytest.param({}, GATEWAY_STATE_DRAINING, id="another drains"),
        pytest.param({}, None, id="alone"),
    ],
)
async def test_nobody_goes(
    start: "Start", monkeypatch: pytest.MonkeyPatch, settings: dict[str, float], state: GatewayState.ValueType | None
) -> None:
    looks = asyncio.Event()
    counted(monkeypatch, looks, 5)
    system = await start(**{**QUICK, "shed_interval_s": 0.02, **settings})
    await connect_all(system)
    if state is not None:
        await another_lives(system, state)
    if settings.get("shed_share") == 0:
        assert not any(task.get_name() == "gateway-shedding" for task in asyncio.all_tasks())
    else:
        async with asyncio.timeout(10):
            await looks.wait()
    assert closed(system) == []
    assert len(system.gateway.connections) == STATIONS


def counted(monkeypatch: pytest.MonkeyPatch, enough: asyncio.Event, times: int) -> None:
    """Set the event after so many looks from now on."""
    look: Callable[..., int] = Balance.look
    seen = 0

    def counting(balance: Balance, mine: int, others: object) -> int:
        nonlocal seen
        seen += mine == STATIONS
        if seen >= times:
            enough.set()
        return look(balance, mine, others)

    monkeypatch.setattr(Balance, "look", counting)
