"""OCPP 1.6: whatever a station with an offline queue does, its transactions are the ones that happened, once each.

The station tells each thing twice: one message after the other over the bus, and roughly, in batches as Kafka gives
them: out of order, again hours later, read twice, by two processes at once, by one that dies. Both must come to the
same.
"""

import asyncio
import sqlite3
import traceback
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

import asyncpg
import orjson
from csms.v1.auth_pb2 import IdTokenInfo
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import DomainEvent, StationBooted
from csms_bus import topics
from csms_bus.flow import Later
from csms_bus.ports import Incoming, Outgoing
from csms_bus.records import new_record
from csms_runtime.clock import now_ms
from csms_transactions.consumers import Consumer
from csms_transactions.domain.identity import transaction_key
from csms_transactions.events.cache import TransactionCache
from csms_transactions.events.writer import BatchWriter
from csms_transactions.store import tables
from csms_transactions.store.transactions import OutdatedError
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

T0 = datetime(2026, 1, 1, tzinfo=UTC)
V16 = "ocpp1.6"
NUMBERS = count(1)
_T = TypeVar("_T")
TOLD = ("evse_id", "connector_id", "id_token", "stop_id_token", "started_at", "reservation_id", "event_count", "gaps")
TOLD_OF_ENDED = ("state", "ended_at", "stopped_reason", "meter_start", "meter_stop", "energy_wh", "energy_quality")
EXAMPLES = {"sqlite": 20, "postgresql": 8}

_TOO_LATE = (Later, OutdatedError, IntegrityError, sqlite3.IntegrityError, asyncpg.UniqueViolationError)
"""Another process was faster."""


def at(seconds: float) -> str:
    return (T0 + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


@dataclass(eq=False)
class Session:
    """A car at a connector, as the station knows it."""

    connector: int
    tag: str
    begun_at: int
    meter_start: int
    odd: bool
    stopped: bool = False
    meter_stop: int = 0
    own_stops: int = 0
    """Of its StopTransactions, those with its own id and different content."""


@dataclass(eq=False)
class Message:
    """What a station has to say. Its transaction's id, which it may not know yet, is filled in when it is sent."""

    action: str
    payload: dict[str, Any]
    session: Session | None = None
    names_it: bool = False
    after: tuple["Message", ...] = ()
    """Those that must be answered before."""

    def __repr__(self) -> str:
        return f"{self.action}({orjson.dumps(self.payload).decode()}, names_it={self.names_it})"


@dataclass(eq=False)
class Told:
    """One of the two ways in which the messages come."""

    station_id: str
    ids: dict[Session, int] = field(default_factory=dict)
    answered: list[Message] = field(default_factory=list)

    def is_ready(self, message: Message) -> bool:
        knows = not message.names_it or message.session in self.ids
        return knows and all(each in self.answered for each in message.after)

    def payload(self, message: Message) -> dict[str, Any]:
        named = message.names_it and message.session is not None
        return message.payload | ({"transactionId": self.ids[message.session]} if named else {})  # type: ignore[index]

    def take(self, message: Message, answer: dict[str, Any]) -> None:
        if message.action == "StartTransaction":
            assert message.session is not None
            number = answer["transactionId"]
            assert 0 < number < 2**31
            assert self.ids.setdefault(message.session, number) == number, "a repeat got another id"
        if message not in self.answered:
            self.answered.append(message)


class Queue(RuleBasedStateMachine):
    """A station of two connectors, and what is known of it."""

    def __init__(self, world: Any, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._world, self._loop = world, loop
        number = next(NUMBERS)
        self.straight, self.rough = Told(f"ST{number}"), Told(f"RO{number}")
        self.clock = 0
        self.registers = {1: 1000, 2: 250_000}
        self.at_connector: dict[int, Session] = {}
        self.sessions: list[Session] = []
        self.messages: list[Message] = []
        """All that there is to say, in the order in which it happened."""
        self.queue: list[Message] = []
        """Those that were not answered the rough way."""
        self.restart()
        for told in (self.straight, self.rough):
            self._world.devices.connected[told.station_id] = V16

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)
        except BaseException as error:
            error.add_note(traceback.format_exc())  # the thread's own is cut
            raise

    # What happens at the station.

    def _say(self, action: str, payload: dict[str, Any], session: Session | None = None, **fields: Any) -> Message:
        message = Message(action, payload, session, **fields)
        self.messages.append(message)
        self.queue.append(message)
        return message

    @rule(
        connector=st.sampled_from([1, 2]),
        tag=st.sampled_from(["TAG", "tag ", "OTHER", "BLOCKED"]),
        odd=st.sampled_from([0, 0, 1]),
    )
    def plug_in(self, connector: int, tag: str, odd: int) -> None:
        """Where a car is plugged in already, its end was lost."""
        self.clock += 5
        meter = self.registers[connector] if not odd else 0
        session = Session(connector, tag, self.clock, meter, bool(odd))
        self.at_connector[connector] = session
        self.sessions.append(session)
        payload = {"connectorId": connector, "idTag": tag, "meterStart": meter, "timestamp": at(self.clock)}
        self._say("StartTransaction", payload, session)

    def _starts(self, connector: int) -> tuple[Message, ...]:
        """The beginnings and ends that tell which transaction went on here."""
        actions = {"StartTransaction", "StopTransaction"}
        return tuple(m for m in self.messages if m.action in actions and m.session and m.session.connector == connector)

    @precondition(lambda self: self.at_connector)
    @rule(
        minutes=st.integers(1, 90),
        watts=st.sampled_from([0, 1380, 11_000]),
        how=st.sampled_from(["named", "named", "none", "zero", "unknown", "connector 0"]),
        kilo=st.booleans(),
        data=st.data(),
    )
    def charge(self, minutes: int, watts: int, how: str, kilo: bool, data: st.DataObject) -> None:  # noqa: FBT001
        session = data.draw(st.sampled_from(sorted(self.at_connector.values(), key=lambda each: each.connector)))
        self.clock += 60 * minutes
        self.registers[session.connector] += watts * minutes // 60
        wh = self.registers[session.connector]
        value = {"value": f"{wh / 1000:.3f}", "unit": "kWh"} if kilo else {"value": str(wh)}
        values = [{"timestamp": at(self.clock), "sampledValue": [value]}]
        payload: dict[str, Any] = {"connectorId": session.connector, "meterValue": values}
        if how == "connector 0":
            payload["connectorId"] = 0
        if how in {"named", "connector 0"}:
            self._say("MeterValues", payload, session, names_it=True)
        else:
            payload |= {"none": {}, "zero": {"transactionId": 0}, "unknown": {"transactionId": 4242}}[how]
            self._say("MeterValues", payload, session, after=self._starts(session.connector))

    @precondition(lambda self: self.at_connector)
    @rule(tagged=st.booleans(), data_too=st.booleans(), odd=st.sampled_from([0, 0, 0, 1]), data=st.data())
    def unplug(self, tagged: bool, data_too: bool, odd: int, data: st.DataObject) -> None:  # noqa: FBT001
        session = self.at_connector.pop(data.draw(st.sampled_from(sorted(self.at_connector))))
        self.clock += 7
        session.stopped, session.odd = True, session.odd or bool(odd)
        session.meter_stop = self.registers[session.connector] if not odd else -5
        payload = {"meterStop": session.meter_stop, "timestamp": at(self.clock), "reason": "EVDisconnected"}
        if tagged:
            payload["idTag"] = session.tag
        if data_too:
            sample = {"value": str(session.meter_start), "context": "Transaction.Begin"}
            payload["transactionData"] = [{"timestamp": at(session.begun_at), "sampledValue": [sample]}]
        session.own_stops += 1
        self._say("StopTransaction", payload, session, names_it=True)

    @precondition(lambda self: any(session.own_stops for session in self.sessions))
    @rule(later=st.sampled_from([0, 1, 3600, 90_000]), data=st.data())
    def stop_again_otherwise(self, later: int, data: st.DataObject) -> None:
        """A station that writes the time of sending, or the register of then, into what it sends again."""
        session = data.draw(st.sampled_from([session for session in self.sessions if session.own_stops]))
        first = [m for m in self.messages if m.session is session and m.action == "StopTransaction"]
        self.clock += later
        session.own_stops += 1
        session.odd = True
        meter = session.meter_stop + session.own_stops
        payload = {"meterStop": meter, "timestamp": at(self.clock), "reason": "PowerLoss"}
        self._say("StopTransaction", payload, session, names_it=True, after=tuple(first))

    @rule(number=st.sampled_from([-1, 0, 5000, 2**31 - 1, "foreign"]), meter=st.sampled_from([0, 77, -3]))
    def stop_what_nobody_knows(self, number: int | str, meter: int) -> None:
        self.clock += 3
        if number == "foreign":
            number = self._foreign()
        self._say("StopTransaction", {"transactionId": number, "meterStop": meter, "timestamp": at(self.clock)})

    def _foreign(self) -> int:
        payload = {"connectorId": 1, "idTag": "TAG", "meterStart": 5, "timestamp": at(self.clock)}
        reply = self._run(
            self._world.gateway.call(f"X{self.rough.station_id}", "StartTransaction", payload, protocol=V16)
        )
        return int(orjson.loads(reply.payload)["transactionId"])

    # How it comes to us.

    @rule(patience=st.integers(0, 60))
    def restart(self, patience: int = 0) -> None:
        """Another process takes over; it knows nothing yet."""
        self._consumers = [self._process(), self._process()]
        self._patience = patience

    @precondition(lambda self: self.rough.ids)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        """An operator ends what may go on; the real end counts if it comes."""
        session = data.draw(st.sampled_from(list(self.rough.ids)))
        key = transaction_key(self.rough.station_id, str(self.rough.ids[session]))
        self._run(self._world.service.closing.close(key, "stuck", "operator"))

    @rule()
    def boot(self) -> None:
        booted = DomainEvent(
            station_id=self.rough.station_id, occurred_at_ms=now_ms(), station_booted=StationBooted(reason="")
        )
        record = new_record(self.rough.station_id, event=booted)
        self._run(self._world.bus.publish([Outgoing(topics.EVENTS_DEVICES.name, record)]))

    def _process(self) -> Consumer:
        service = self._world.service
        writer = BatchWriter(
            self._world.database,
            TransactionCache(),
            on_events=service._relay.wake,
            on_doubts=lambda: None,
            most_meter_values=10_000_000,
        )
        return Consumer(writer, service._tokens, service.closing)

    @precondition(lambda self: self.queue)
    @rule(
        how=st.sampled_from(["once", "once", "read twice", "two processes", "cut off"]),
        lost=st.sampled_from([False, False, True]),
        data=st.data(),
    )
    def deliver(self, how: str, lost: bool, data: st.DataObject) -> None:  # noqa: FBT001
        """Some of the queue, in any order, with things that were told long ago. Lost answers: it stays in the queue."""
        ready = [message for message in self.queue if self.rough.is_ready(message)]
        chosen = data.draw(st.lists(st.sampled_from(ready), min_size=1, max_size=5)) if ready else []
        if self.rough.answered:
            chosen += data.draw(st.lists(st.sampled_from(self.rough.answered), max_size=2))
        answers = self._run(self._handled([self._call(message) for message in chosen], how))
        for message, answer in zip(chosen, answers, strict=True):
            if not lost:
                self.rough.take(message, answer)
        self.queue = [message for message in self.queue if message not in self.rough.answered]

    def _call(self, message: Message) -> tuple[Outgoing, str]:
        payload = self.rough.payload(message)
        found: tuple[Outgoing, str] = self._world.gateway.station_call(
            self.rough.station_id, message.action, payload, protocol=V16
        )
        return found

    async def _handled(self, calls: list[tuple[Outgoing, str]], how: str) -> list[dict[str, Any]]:
        batch = [_incoming(outgoing, place) for place, (outgoing, _) in enumerate(calls)]
        if how == "two processes":
            await asyncio.gather(*(self._handle(consumer, batch) for consumer in self._consumers))
        else:
            if how == "cut off":
                await self._cut_off(batch)
            await self._handle(self._consumers[0], batch)
        if how == "read twice":
            await self._handle(self._consumers[1], batch)
        replies = self._world.gateway.replies
        await self._world.eventually(lambda: all(correlation in replies for _, correlation in calls))
        found = [replies[correlation] for _, correlation in calls]
        assert all(reply.WhichOneof("outcome") == "payload" for reply in found), found
        return [orjson.loads(reply.payload) for reply in found]

    async def _cut_off(self, batch: list[Incoming]) -> None:
        """A process dies somewhere in the batch."""
        handling = asyncio.create_task(self._handle(self._consumers[1], batch))
        for _ in range(self._patience):
            await asyncio.sleep(0)
        handling.cancel()
        await asyncio.wait([handling])
        self._consumers[1] = self._process()

    async def _handle(self, consumer: Consumer, batch: list[Incoming]) -> None:
        for _ in range(20):
            with suppress(*_TOO_LATE):  # ConsumerRunner tries again, too
                await self._world.bus.publish(await consumer(batch))
                return
        raise AssertionError("a batch that can never be stored")

    # What must hold.

    @invariant()
    def each_id_is_given_once(self) -> None:
        given = [*self.straight.ids.values(), *self.rough.ids.values()]
        assert len(set(given)) == len(given)

    def teardown(self) -> None:
        """Tell what is left; then compare."""
        for message in self.messages:
            self._run(self._straight(message))
        while waiting := [message for message in self.queue if self.rough.is_ready(message)]:
            for message, answer in zip(
                waiting, self._run(self._handled(list(map(self._call, waiting)), "once")), strict=True
            ):
                self.rough.take(message, answer)
            self.queue = [message for message in self.queue if message not in self.rough.answered]
        assert not self.queue
        self.each_id_is_given_once()
        self._run(self._compared())

    async def _straight(self, message: Message) -> None:
        payload = self.straight.payload(message)
        reply = await self._world.gateway.call(self.straight.station_id, message.action, payload, protocol=V16)
        assert reply.WhichOneof("outcome") == "payload", reply
        self.straight.take(message, orjson.loads(reply.payload))

    async def _compared(self) -> None:
        straight, rough = await self._rows(self.straight), await self._rows(self.rough)
        assert straight.keys() == rough.keys()
        for name, row in straight.items():
            other = rough[name]
            for told in TOLD:
                assert other[told] == row[told], (name, told)
            if row["stopped_reason"] is not None:
                for told in TOLD_OF_ENDED:
                    assert other[told] == row[told], (name, told)
        await self._nothing_lost_nothing_double(rough)
        self._energy_is_true(rough)
        await self._told_in_order(rough)

    async def _rows(self, told: Told) -> dict[Any, dict[str, Any]]:
        """The transactions of a station by session, and those of ends without one by number and time."""
        names = {str(number): session for session, number in told.ids.items()}
        async with self._world.database.reading() as session:
            found = await session.execute(
                select(tables.transactions).where(tables.transactions.c.station_id == told.station_id)
            )
        rows = [dict(row._mapping) for row in found]
        named = {names.get(row["transaction_id"], row["transaction_id"]): row for row in rows}
        assert len(named) == len(rows), "one transaction is there twice"
        return named

    async def _nothing_lost_nothing_double(self, rows: dict[Any, dict[str, Any]]) -> None:
        assert {name for name in rows if isinstance(name, Session)} == set(self.sessions)
        ends = Counter(int(name.partition("@")[0]) for name in rows if not isinstance(name, Session))
        said = Counter(
            m.payload["transactionId"] for m in self.messages if m.action == "StopTransaction" and m.session is None
        )
        assert ends == said
        for session in self.sessions:
            assert rows[session]["event_count"] == 1 + session.own_stops
        async with self._world.database.reading() as reading:
            table = tables.meter_values
            kept = (
                await reading.scalars(select(table.c.transaction).where(table.c.station_id == self.rough.station_id))
            ).all()
        keys = {session: row["id"] for session, row in rows.items()}
        told = Counter(keys[m.session] for m in self.messages if m.action == "MeterValues")
        assert Counter(kept) == told

    def _energy_is_true(self, rows: dict[Any, dict[str, Any]]) -> None:
        for name, row in rows.items():
            if row["energy_wh"] is not None and row["energy_wh"] < 0:
                assert row["energy_quality"] == "estimated"
            if isinstance(name, Session) and name.stopped and not name.odd:
                assert (row["energy_quality"], row["energy_wh"]) == ("measured", name.meter_stop - name.meter_start)

    async def _told_in_order(self, rows: dict[Any, dict[str, Any]]) -> None:
        """What others are told of a transaction has ever higher revisions; what was told last is what is stored."""

        def news() -> dict[str, list[Any]]:
            found: dict[str, list[Any]] = {row["id"]: [] for row in rows.values()}
            for event in self._world.events:
                told = getattr(event, event.WhichOneof("event")).transaction
                if told.id in found:
                    found[told.id].append(told)
            return found

        def all_told() -> bool:
            found = news()
            return all(found[row["id"]] and _is_told(row, found[row["id"]][-1]) for row in rows.values())

        await self._world.eventually(all_told)
        for told in news().values():
            revisions = [each.revision for each in told]
            assert revisions == sorted(revisions)


def _is_told(row: dict[str, Any], told: Any) -> bool:
    """Of a running transaction new meter values alone are not told."""
    energy = row["energy_wh"] == (told.energy_wh if told.HasField("energy_wh") else None)
    return row["state"] == "Active" or (energy and row["conflicts"] == told.conflicts)


def _incoming(outgoing: Outgoing, offset: int) -> Incoming:
    """A record as Kafka gives it: by its bytes."""
    value = outgoing.record.SerializeToString()
    return Incoming(outgoing.topic, 0, offset, outgoing.key, Record.FromString(value), value)


async def test_a_station_with_an_offline_queue(world):
    loop = asyncio.get_running_loop()
    world.auth.tokens["BLOCKED"] = IdTokenInfo(status="Blocked")
    chosen = settings(
        max_examples=EXAMPLES[world.database.dialect],
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],
    )
    await asyncio.to_thread(run_state_machine_as_test, lambda: Queue(world, loop), settings=chosen)
