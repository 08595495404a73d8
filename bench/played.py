"""A gateway as the services see it, without stations and sockets: it speaks to them on the bus."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager

import orjson
from csms.v1.auth_pb2 import ConnectionDecision, ConnectionRequest
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import (
    CONNECTION_STATE_OPEN,
    GATEWAY_STATE_ALIVE,
    ConnectionRecord,
    GatewayStatus,
    Presence,
    PresenceSummary,
    StationCall,
)
from csms_bus import topics
from csms_bus.inbox import Inbox
from csms_bus.kafka import KafkaBus
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_runtime import passwords
from csms_runtime.clock import now_ms
from csms_runtime.ids import new_id

PASSWORD = b"million-bench-password"
_SLOT = 1
"""The gateway that runs has slot 0."""
_PROTOCOL, _PROFILE, _ADDRESS = "ocpp2.0.1", 1, "192.0.2.1"
_AT_ONCE = 1000
_IN_A_SUMMARY = 5000
_ANSWER_S = 60.0
_TICK_S = 2.0

_BOOT = orjson.dumps({"reason": "PowerUp", "chargingStation": {"model": "Model 1", "vendorName": "Vendor 1"}})
_STATUS = orjson.dumps(
    {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
)


class PlayedGateway:
    """Asks as a gateway asks. Raises TimeoutError where an answer does not come, RuntimeError where it is a refusal."""

    def __init__(self, bus: KafkaBus, secret_key: bytes) -> None:
        self._bus = bus
        self._secret_key = secret_key
        self._epoch = now_ms()
        self._open: dict[str, asyncio.Future[Record]] = {}
        self._connections: dict[str, tuple[str, int]] = {}
        """By station: id and number."""
        self.inbox = Inbox(bus, topics.GATEWAY_INBOX.name, _SLOT, self._deliver)

    def _deliver(self, record: Record) -> bool:
        body = getattr(record, record.WhichOneof("body") or "reply")
        waiting = self._open.pop(getattr(body, "correlation_id", ""), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(record)
        return waiting is not None

    async def live(self) -> None:
        """Say that it lives, until cancelled."""
        while True:
            await self.say_alive()
            await asyncio.sleep(_TICK_S)

    async def say_alive(self) -> None:
        """Say it once."""
        status = GatewayStatus(gateway_slot=_SLOT, gateway_epoch=self._epoch, state=GATEWAY_STATE_ALIVE, instance="b")
        await self._bus.publish([Outgoing(topics.GATEWAY_STATUS.name, new_record("", gateway_status=status), key="1")])

    async def come_back(self, station_id: str) -> float:
        """Have a station connect with its password, boot, and tell its status. Returns the seconds that it took."""
        began = time.perf_counter()
        decision = (await self._ask(self._request(station_id))).connection_decision
        if not decision.allowed:
            raise RuntimeError(f"{station_id} was refused: {decision.reason}")
        await self._bus.publish([self._connected(station_id, decision.connection_number)])
        for action, payload in (("BootNotification", _BOOT), ("StatusNotification", _STATUS)):
            answer = (await self._ask(self._call(station_id, decision, action, payload))).reply
            if not answer.payload:
                raise RuntimeError(f"{action} of {station_id}: {answer}")
        return time.perf_counter() - began

    async def connected(self, stations: Iterable[str]) -> None:
        """Say that stations have connected."""
        number = now_ms() * 1000
        await self._publish([self._connected(name, number) for name in stations])

    async def still_connected(self, stations: Iterable[str]) -> None:
        """Say so again, as a gateway does now and then."""
        await self._publish([self._connection(name, *self._connections[name], refresh=True) for name in stations])

    async def heard_from(self, stations: Iterator[str]) -> None:
        """Say that stations were heard from now."""
        while some := list(itertools.islice(stations, _IN_A_SUMMARY)):
            seen = [Presence(station_id=name, last_seen_ms=now_ms()) for name in some]
            summary = PresenceSummary(gateway_slot=_SLOT, gateway_epoch=self._epoch, stations=seen)
            await self._bus.publish([Outgoing(topics.PRESENCE.name, new_record("", presence=summary), key="1")])

    async def _publish(self, records: list[Outgoing]) -> None:
        for first in range(0, len(records), _AT_ONCE):
            await self._bus.publish(records[first : first + _AT_ONCE])

    async def _ask(self, question: tuple[str, Outgoing]) -> Record:
        correlation_id, outgoing = question
        answer: asyncio.Future[Record] = asyncio.get_running_loop().create_future()
        self._open[correlation_id] = answer
        async with asyncio.timeout(_ANSWER_S):
            await self._bus.publish([outgoing])
            return await answer

    def _request(self, station_id: str) -> tuple[str, Outgoing]:
        correlation_id = new_id()
        request = ConnectionRequest(
            reply_to=self.inbox.reply_to,
            correlation_id=correlation_id,
            deadline_ms=now_ms() + int(_ANSWER_S * 1000),
            protocol=_PROTOCOL,
            security_profile=_PROFILE,
            password_digests=passwords.digests(self._secret_key, station_id, PASSWORD),
            remote_address=_ADDRESS,
        )
        return correlation_id, Outgoing(topics.CALLS_AUTH.name, new_record(station_id, connection_request=request))

    def _connected(self, station_id: str, number: int) -> Outgoing:
        self._connections[station_id] = connection = (new_id(), number)
        return self._connection(station_id, *connection)

    def _connection(self, station_id: str, connection_id: str, number: int, *, refresh: bool = False) -> Outgoing:
        body = ConnectionRecord(
            state=CONNECTION_STATE_OPEN,
            gateway_slot=_SLOT,
            gateway_epoch=self._epoch,
            connection_id=connection_id,
            protocol=_PROTOCOL,
            security_profile=_PROFILE,
            remote_address=_ADDRESS,
            connected_at_ms=now_ms(),
            connection_number=number,
            refresh=refresh,
        )
        return Outgoing(topics.CONNECTIONS.name, new_record(station_id, connection=body))

    def _call(self, station_id: str, decision: ConnectionDecision, action: str, payload: bytes) -> tuple[str, Outgoing]:
        correlation_id = new_id()
        call = StationCall(
            reply_to=self.inbox.reply_to,
            correlation_id=correlation_id,
            protocol=_PROTOCOL,
            action=action,
            message_id=correlation_id,
            payload=payload,
            received_at_ms=now_ms(),
            deadline_ms=now_ms() + int(_ANSWER_S * 1000),
            gateway_epoch=self._epoch,
            connection_id=self._connections[station_id][0],
            connection_number=decision.connection_number,
            security_profile=_PROFILE,
        )
        return correlation_id, Outgoing(topics.CALLS_DEVICES.name, new_record(station_id, station_call=call))


@asynccontextmanager
async def played_gateway(kafka: str, secret_key: bytes) -> AsyncIterator[PlayedGateway]:
    """Play a gateway that the services know to be alive."""
    bus, stop = KafkaBus(kafka, client_id="bench-gateway", publish_timeout_s=_ANSWER_S), asyncio.Event()
    await bus.start()
    gateway = PlayedGateway(bus, secret_key)
    tasks = [asyncio.create_task(gateway.inbox.run(stop)), asyncio.create_task(gateway.live())]
    try:
        await gateway.inbox.ready()
        await gateway.say_alive()
        yield gateway
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await bus.stop()
