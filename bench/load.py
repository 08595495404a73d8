"""A closed-loop load of stations: each active one sends, waits for the answer, sends again."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run gave. Latencies in milliseconds."""

    round_trips: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int

    @property
    def per_second(self) -> float:
        """Round trips per second."""
        return self.round_trips / self.seconds


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _event(transaction_id: str, seq_no: int) -> dict[str, Any]:
    return {
        "eventType": "Started" if seq_no == 0 else "Updated",
        "timestamp": _now(),
        "triggerReason": "MeterValuePeriodic",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": transaction_id, "chargingState": "Charging"},
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [{"timestamp": _now(), "sampledValue": [{"value": 1000.0 + seq_no}]}],
    }


async def _round_trip(connection: ClientConnection, message_id: str, action: str, payload: dict[str, Any]) -> list[Any]:
    await connection.send(orjson.dumps([2, message_id, action, payload]).decode())
    answer: list[Any] = orjson.loads(await connection.recv())
    return answer


async def _station(connection: ClientConnection, name: str, until: float, latencies: list[float]) -> int:
    failed, seq_no, transaction_id = 0, 0, f"{name}-{time.time_ns()}"
    while (begin := time.perf_counter()) < until:
        answer = await _round_trip(connection, f"{name}-{seq_no}", "TransactionEvent", _event(transaction_id, seq_no))
        latencies.append(time.perf_counter() - begin)
        failed += answer[0] != 3  # noqa: PLR2004  # CALLRESULT
        seq_no += 1
    return failed


async def _connect_and_boot(stack: AsyncExitStack, url: str, name: str, limit: asyncio.Semaphore) -> ClientConnection:
    async with limit:
        connection = await stack.enter_async_context(
            connect(f"{url}/{name}", subprotocols=[Subprotocol("ocpp2.0.1")], compression=None, open_timeout=60)
        )
        boot = {"reason": "PowerUp", "chargingStation": {"model": "Bench", "vendorName": "Bench"}}
        answer = await _round_trip(connection, "boot", "BootNotification", boot)
        if answer[0] != 3:  # noqa: PLR2004  # CALLRESULT
            raise RuntimeError(f"{name} was not booted: {answer}")
        return connection


async def transaction_events(url: str, *, connected: int, active: int, seconds: float) -> Figures:
    """Run `active` of `connected` stations in a closed loop of TransactionEvent(Updated, one meter value)."""
    latencies: list[float] = []
    async with AsyncExitStack() as stack:
        limit = asyncio.Semaphore(50)
        names = [f"BENCH-{number:05d}" for number in range(connected)]
        connections = await asyncio.gather(*(_connect_and_boot(stack, url, name, limit) for name in names))
        begin = time.perf_counter()
        pairs = list(zip(connections, names, strict=True))[:active]
        failed = sum(await asyncio.gather(*(_station(c, n, begin + seconds, latencies) for c, n in pairs)))
        elapsed = time.perf_counter() - begin
    latencies.sort()
    p50, p99 = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)]
    return Figures(len(latencies), elapsed, p50 * 1000, p99 * 1000, failed)
