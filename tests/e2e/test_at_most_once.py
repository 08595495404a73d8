"""A command that may have reached a station is never sent again, and the answer says so."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import websockets

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
TOKEN = {"evse_id": 1, "id_token": {"id_token": "DEADBEEF", "type": "ISO14443"}}
COMMANDS = [
    ("Reset", "calls/Reset", {"type": "Immediate"}),
    ("UnlockConnector", "calls/UnlockConnector", {"evseId": 1, "connectorId": 1}),
    ("RequestStartTransaction", "remote-start", TOKEN),
]
SILENT = frozenset(action for action, _, _ in COMMANDS)


class Link:
    """One socket of a station: answers nothing of `SILENT` unless told to, and remembers what it was sent."""

    def __init__(self, socket, got):
        self.socket = socket
        self.got = got
        self.arrived = asyncio.Event()
        self.booted = asyncio.Event()
        self.answer = None

    async def pump(self):
        async for text in self.socket:
            frame = json.loads(text)
            if frame[0] == 3 and frame[1] == "boot":
                self.booted.set()
            elif frame[0] == 2:
                await self.asked(frame)

    async def asked(self, frame):
        if frame[2] not in SILENT:
            await self.socket.send(json.dumps([4, frame[1], "NotSupported", "", {}]))
            return
        self.got.append((self, frame[2], frame[1], frame[3]))
        self.arrived.set()
        if self.answer is not None:
            await self.socket.send(json.dumps([3, frame[1], self.answer]))


@pytest.fixture
async def link(system, station_id):
    """Opens sockets of the one station, to any gateway; all see what the station was sent in `got`."""
    async with AsyncExitStack() as stack:

        async def make(got, *, gateway=0):
            url = f"{system.ocpp_urls[gateway % len(system.ocpp_urls)]}/{station_id}"
            connecting = websockets.connect(url, subprotocols=["ocpp2.0.1"], ping_interval=None)
            made = Link(await stack.enter_async_context(connecting), got)
            await stack.enter_async_context(running(made.pump()))
            return made

        yield make


@asynccontextmanager
async def running(work):
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def booted(made):
    await made.socket.send(json.dumps([2, "boot", "BootNotification", BOOT]))
    await asyncio.wait_for(made.booted.wait(), 10)


async def shown(api, station_id, *, connected):
    async with asyncio.timeout(10):
        while True:
            station = (await api.get(f"/stations/{station_id}")).json()
            if station.get("connected") is connected:
                return station
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("elsewhere", [0, 1], ids=["same gateway", "another gateway"])
@pytest.mark.parametrize(("action", "path", "payload"), COMMANDS)
async def test_the_station_reconnects_before_it_answered(  # noqa: PLR0917 fixtures
    api, link, station_id, action, path, payload, elsewhere
):
    """Its link broke; the old socket is half open. The new one would carry out a second copy."""
    got = []
    old = await link(got)
    await booted(old)
    await shown(api, station_id, connected=True)
    posted = asyncio.create_task(
        api.post(f"/stations/{station_id}/{path}", json=payload, headers={"Idempotency-Key": "k"})
    )
    await asyncio.wait_for(old.arrived.wait(), 10)
    new = await link(got, gateway=elsewhere)
    answer = await asyncio.wait_for(posted, 30)
    body = answer.json()
    assert (answer.status_code, body["outcome"], body["sent_at"] is not None) == (504, "unknown", True)
    assert (await api.get(f"/calls/{body['call_id']}")).json()["outcome"] == "unknown"
    new.answer = {"status": "Accepted"}
    repeat = await api.post(f"/stations/{station_id}/{path}", json=payload, headers={"Idempotency-Key": "k"})
    assert (repeat.status_code, repeat.json()["call_id"]) == (504, body["call_id"])
    assert [sent[1] for sent in got] == [action]


async def test_never_sent_is_told_apart_and_may_be_tried_again(api, link, station_id):
    (await api.put(f"/stations/{station_id}", json={})).raise_for_status()

    async def start():
        return await api.post(f"/stations/{station_id}/remote-start", json=TOKEN, headers={"Idempotency-Key": "k"})

    first = await start()
    assert (first.status_code, first.json()["outcome"], first.json()["sent_at"]) == (409, "not_connected", None)
    made = await link([])
    made.answer = {"status": "Accepted"}
    await booted(made)
    await shown(api, station_id, connected=True)
    second = await start()
    assert (second.status_code, second.json()["outcome"]) == (200, "result")
    assert second.json()["call_id"] != first.json()["call_id"]
    assert (await start()).json()["call_id"] == second.json()["call_id"]


async def test_what_waited_too_long_was_never_sent_and_may_be_tried_again(api, link, station_id):
    got = []
    made = await link(got)
    await booted(made)
    await shown(api, station_id, connected=True)
    reset = f"/stations/{station_id}/calls/Reset"
    first = asyncio.create_task(api.post(reset, json={"type": "OnIdle"}))
    await asyncio.wait_for(made.arrived.wait(), 10)

    async def unlock():
        body = {"evseId": 1, "connectorId": 1}
        path = f"/stations/{station_id}/calls/UnlockConnector?timeout_s=3"
        return await api.post(path, json=body, headers={"Idempotency-Key": "k"})

    waited = await unlock()
    assert (waited.status_code, waited.json()["outcome"], waited.json()["sent_at"]) == (504, "timeout", None)
    made.answer = {"status": "Unlocked"}
    await made.socket.send(json.dumps([3, got[0][2], {"status": "Accepted"}]))
    assert (await first).json()["outcome"] == "result"
    again = await unlock()
    assert (again.status_code, again.json()["outcome"]) == (200, "result")
    assert [sent[1] for sent in got] == ["Reset", "UnlockConnector"]


async def test_an_integer_reaches_the_station_as_one(api, link, station_id):
    got = []
    made = await link(got)
    made.answer = {"status": "Accepted"}
    await booted(made)
    await shown(api, station_id, connected=True)
    body, headers = b'{"type": "OnIdle", "evseId": 1e0}', {"Content-Type": "application/json"}
    answer = await api.post(f"/stations/{station_id}/calls/Reset", content=body, headers=headers)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "result")
    assert repr(got[0][3]["evseId"]) == "1"


async def test_a_station_deleted_while_it_was_connected_is_shown_closed(api, link, station_id):
    (await api.put(f"/stations/{station_id}", json={})).raise_for_status()
    made = await link([])
    await booted(made)
    await shown(api, station_id, connected=True)
    (await api.delete(f"/stations/{station_id}")).raise_for_status()
    await asyncio.wait_for(made.socket.wait_closed(), 10)
    assert made.socket.close_reason == "the station was deleted"
    (await api.put(f"/stations/{station_id}", json={})).raise_for_status()
    station = await shown(api, station_id, connected=False)
    assert station["connection"] is None or station["connection"]["closed_at"] is not None
    assert station_id not in [each["id"] for each in (await api.get("/stations?connected=true")).json()["items"]]
