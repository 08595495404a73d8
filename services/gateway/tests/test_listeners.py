"""What listens for stations."""

import asyncio
import socket
from contextlib import ExitStack

import uvloop
from csms_gateway.listeners import Listeners, listen_plain

WAITING = 64


async def turns_until_accepted() -> tuple[int, int]:
    """How many turns of the event loop it takes to accept connections that wait, and how many were accepted."""
    accepted: list[asyncio.BaseTransport] = []

    class Socket(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.append(transport)

    listeners, turns = Listeners(), 0
    listeners.plain = await listen_plain(Socket, "127.0.0.1", 0, WAITING)
    address = listeners.plain[0].sockets[0].getsockname()
    with ExitStack() as stack:
        for _ in range(WAITING):
            stack.enter_context(socket.create_connection(address))
        while len(accepted) < WAITING and turns < 10 * WAITING:
            await asyncio.sleep(0)
            turns += 1
    for transport in accepted:
        transport.close()
    listeners.close()
    await listeners.wait_closed()
    try:
        socket.create_connection(address).close()
    except ConnectionRefusedError:
        return turns, len(accepted)
    raise AssertionError("something still listens")


def test_several_connections_are_accepted_in_a_turn_of_the_event_loop() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        turns, accepted = runner.run(turns_until_accepted())
    assert accepted == WAITING
    assert turns <= WAITING / 4
