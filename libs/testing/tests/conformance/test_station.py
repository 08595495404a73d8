"""The scripted station notices what a CSMS does wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
from csms_testing.conformance import CallRefusedError, Connector
from csms_testing.conformance.schemas import SchemaError
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

Script = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def csms(script: Script) -> AsyncIterator[Connector]:
    async def run(socket: ServerConnection) -> None:
        await script(socket)
        await socket.wait_closed()

    async with serve(run, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp2.0.1")]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Connector([f"ws://127.0.0.1:{port}/ocpp"], "CS1", "secret-secret-secret")


def sends(*frames: object) -> Script:
    async def script(socket: ServerConnection) -> None:
        for frame in frames:
            await socket.send(orjson.dumps(frame).decode())

    return script


def answers(payload: object, *before: object) -> Script:
    async def script(socket: ServerConnection) -> None:
        frame = orjson.loads(await socket.recv())
        for earlier in before:
            await socket.send(orjson.dumps(earlier).decode())
        await socket.send(orjson.dumps([3, frame[1], payload]).decode())

    return script


RESET = [2, "1", "Reset", {"type": "OnIdle"}]


async def test_a_call_is_expected_and_answered():
    received = asyncio.get_running_loop().create_future()

    async def script(socket: ServerConnection) -> None:
        await socket.send(orjson.dumps(RESET).decode())
        received.set_result(orjson.loads(await socket.recv()))

    async with csms(script) as connect, connect() as station:
        assert await station.reply("Reset", {"status": "Accepted"}) == {"type": "OnIdle"}
        assert await received == [3, "1", {"status": "Accepted"}]


async def test_a_call_that_nobody_expects_fails_the_test():
    async def run() -> None:
        async with csms(answers({"currentTime": "2026-01-01T00:00:00.000Z"}, RESET)) as connect, connect() as station:
            await station.call("Heartbeat")

    with pytest.raises(AssertionError, match="nobody expected"):
        await run()


async def test_another_action_than_expected():
    async with csms(sends(RESET)) as connect, connect() as station:
        with pytest.raises(AssertionError, match="the CSMS sent Reset"):
            await station.expect("ClearCache")


async def test_a_request_that_breaks_its_schema():
    async with csms(sends([2, "1", "Reset", {"type": "Now"}])) as connect, connect() as station:
        with pytest.raises(SchemaError, match="/type"):
            await station.expect("Reset")


async def test_a_response_that_breaks_its_schema():
    async with csms(answers({"currentTime": "yesterday"})) as connect, connect() as station:
        with pytest.raises(SchemaError, match="/currentTime"):
            await station.call("Heartbeat")


async def test_a_callerror():
    async def script(socket: ServerConnection) -> None:
        frame = orjson.loads(await socket.recv())
        await socket.send(orjson.dumps([4, frame[1], "SecurityError", "", {}]).decode())

    async with csms(script) as connect, connect() as station:
        with pytest.raises(CallRefusedError, match="SecurityError"):
            await station.call("Heartbeat")


async def test_what_a_test_sends_is_checked_too():
    async with csms(sends()) as connect, connect() as station:
        with pytest.raises(SchemaError, match="Heartbeat"):
            await station.call("Heartbeat", {"unknown": 1})


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        ([[3, "unasked", {}]], "answers nothing"),
        ([[2, "x" * 37, "Reset", {"type": "OnIdle"}]], "no OCPP-J frame"),
        ([[2, "1", "Reset"]], "no OCPP-J frame"),
        ([RESET, [2, "2", "ClearCache", {}]], "was not answered"),
    ],
)
async def test_rules_of_ocpp_j(frames, problem):
    wrong = sends(*frames)

    async def script(socket: ServerConnection) -> None:
        await wrong(socket)
        await answers({"currentTime": "2026-01-01T00:00:00.000Z"})(socket)

    async with csms(script) as connect, connect(quiet=False) as station:
        await station.call("Heartbeat")
        for incoming in station.received:
            await station.expect(incoming.action)
        with pytest.raises(AssertionError, match=problem):
            station.assert_quiet()


async def test_a_closed_connection_is_told():
    async def script(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close()

    async with csms(script) as connect, connect() as station:
        with pytest.raises(ConnectionError):
            await station.call("Heartbeat")
        with pytest.raises(AssertionError, match="closed before Reset"):
            await station.expect("Reset")
