"""What our figures stand beside.

E, the ceiling of the stack: a bare `websockets` server that parses each frame and answers it.
M, what a Python user would write instead: a CSMS made with the PyPI package `ocpp` that stores nothing.
"""

import asyncio
import signal
from datetime import UTC, datetime

import orjson
import typer
import uvloop
from ocpp import v16
from ocpp.routing import on
from ocpp.v201 import ChargePoint, call_result
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

_OCPP16 = Subprotocol("ocpp1.6")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def echo(connection: ServerConnection) -> None:
    """Baseline E."""
    async for text in connection:
        _, message_id, action, _ = orjson.loads(text)
        payload = {"status": "Accepted", "interval": 300, "currentTime": _now()} if action == "BootNotification" else {}
        if action == "StartTransaction":
            payload = {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}
        await connection.send(orjson.dumps([3, message_id, payload]).decode())


class ForgetfulCsms(ChargePoint):  # type: ignore[misc]  # the package ships no types
    """Baseline M."""

    @on("BootNotification")  # type: ignore[untyped-decorator]
    def on_boot(self, **_: object) -> call_result.BootNotification:
        """Accept."""
        return call_result.BootNotification(current_time=_now(), interval=300, status="Accepted")

    @on("Heartbeat")  # type: ignore[untyped-decorator]
    def on_heartbeat(self, **_: object) -> call_result.Heartbeat:
        """Tell the time."""
        return call_result.Heartbeat(current_time=_now())

    @on("TransactionEvent")  # type: ignore[untyped-decorator]
    def on_transaction_event(self, **_: object) -> call_result.TransactionEvent:
        """Answer without storing."""
        return call_result.TransactionEvent()

    @on("Authorize")  # type: ignore[untyped-decorator]
    def on_authorize(self, **_: object) -> call_result.Authorize:
        """Accept every token."""
        return call_result.Authorize(id_token_info={"status": "Accepted"})


class ForgetfulCsms16(v16.ChargePoint):  # type: ignore[misc]  # as above
    """Baseline M for OCPP 1.6."""

    @on("BootNotification")  # type: ignore[untyped-decorator]
    def on_boot(self, **_: object) -> v16.call_result.BootNotification:
        """Accept."""
        return v16.call_result.BootNotification(current_time=_now(), interval=300, status="Accepted")

    @on("StartTransaction")  # type: ignore[untyped-decorator]
    def on_start(self, **_: object) -> v16.call_result.StartTransaction:
        """Give an id that is not kept."""
        return v16.call_result.StartTransaction(transaction_id=1, id_tag_info={"status": "Accepted"})

    @on("MeterValues")  # type: ignore[untyped-decorator]
    def on_meter_values(self, **_: object) -> v16.call_result.MeterValues:
        """Answer without storing."""
        return v16.call_result.MeterValues()

    @on("StopTransaction")  # type: ignore[untyped-decorator]
    def on_stop(self, **_: object) -> v16.call_result.StopTransaction:
        """Answer without storing."""
        return v16.call_result.StopTransaction(id_tag_info={"status": "Accepted"})


async def mobility_house(connection: ServerConnection) -> None:
    """Serve one station with the package `ocpp`."""
    path = connection.request.path if connection.request else "/"
    kind = ForgetfulCsms16 if connection.subprotocol == _OCPP16 else ForgetfulCsms
    try:
        await kind(path.rpartition("/")[2], connection).start()
    except ConnectionClosed:
        return


async def _serve(kind: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    handler = {"E": echo, "M": mobility_house}[kind]
    async with serve(
        handler, "127.0.0.1", port, subprotocols=[Subprotocol("ocpp2.0.1"), _OCPP16], compression=None, backlog=4096
    ):
        await stop.wait()


def main(kind: str, port: int) -> None:
    """Run baseline KIND (E or M) on PORT until a signal."""
    uvloop.run(_serve(kind, port))


if __name__ == "__main__":
    typer.run(main)
