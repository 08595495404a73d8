"""Two gateway processes on one slot (two replicas with the same CSMS_SLOT): the older one ends, and says so."""

import asyncio
import json
from dataclasses import replace

import pytest
import websockets
from csms_testing.cluster.layout import free_port

pytestmark = [
    pytest.mark.alone,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.kafka,
    pytest.mark.postgres,
    pytest.mark.asyncio(loop_scope="module"),
]

STATION = "CS-ONE-SLOT"
TAKEN = (1012, "another gateway has this slot")


def connecting(url):
    return websockets.connect(f"{url}/{STATION}", subprotocols=["ocpp2.0.1"])


async def heartbeat(socket):
    await socket.send(json.dumps([2, "h", "Heartbeat", {}]))
    return json.loads(await asyncio.wait_for(socket.recv(), 10))[:2]


async def booted(socket):
    boot = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
    await socket.send(json.dumps([2, "b", "BootNotification", boot]))
    return json.loads(await asyncio.wait_for(socket.recv(), 10))[2]["status"]


def another(process, ocpp_port):
    """The same process once more, on ports of its own."""
    ports = {"CSMS_OCPP_PORT": ocpp_port, "CSMS_HTTP_PORT": free_port(), "CSMS_MANAGEMENT_PORT": free_port()}
    return replace(
        process,
        name=f"{process.name}-again",
        environment={**process.environment, **{name: str(port) for name, port in ports.items()}},
        management_port=ports["CSMS_MANAGEMENT_PORT"],
        log_file=process.log_file.with_name(f"{process.name}-again.log"),
    )


async def test_the_older_gateway_ends_with_an_error_and_its_stations_move(distributed):
    older, ocpp_port = distributed.processes["gateway-1"], free_port()
    newer = another(older, ocpp_port)
    try:
        async with connecting(distributed.ocpp_urls[1]) as socket:
            assert await booted(socket) == "Accepted"
            await newer.start()
            await asyncio.wait_for(socket.wait_closed(), 60)
            assert (socket.close_code, socket.close_reason) == TAKEN
        assert await asyncio.wait_for(older.ended(), 60) != 0
        assert "another gateway has taken this one's slot" in older.log_file.read_text()
        await newer.ready()
        async with connecting(f"ws://127.0.0.1:{ocpp_port}/ocpp") as socket:
            assert await heartbeat(socket) == [3, "h"]
    finally:
        await newer.stop()
        await distributed.start_services(["gateway-1"])
