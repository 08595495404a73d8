"""Webhooks: signed, at least once, in order per station, tried again, then dead; and where they may not go."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import httpx2
import orjson
import pytest
from csms.v1.events_pb2 import DomainEvent, StationConnected
from csms_bus.ports import Incoming
from csms_bus.records import new_record
from csms_bus.topics import EVENTS_DEVICES
from csms_db.engine import Database
from csms_history.consumers import EventRecords, handlers
from csms_history.event_log import log_rows
from csms_history.event_log.following import Following
from csms_history.settings import HistorySettings
from csms_history.tables import webhook_deliveries, webhooks
from csms_history.webhooks import delivery_routes, delivery_rows, runner, sending, signing, targets
from csms_history.webhooks.sending import Sender
from csms_history.webhooks.sending_all import Webhooks
from csms_history.webhooks.targets import Refused, TargetRules
from csms_history.webhooks.webhook_routes import WebhookResource
from csms_runtime.clock import utcnow
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, create_app
from csms_runtime.sealing import Sealer
from csms_runtime.secret_keys import SecretKeys
from sqlalchemy import select

KEY = "admin-key-for-tests"
READER = "read-key-for-tests"
HERE = TargetRules(http_allowed=True, networks_allowed=(ipaddress.ip_network("127.0.0.0/8"),))
PUBLIC = TargetRules()


@dataclass
class Receiver:
    """An HTTP server that answers as it is told, and keeps what it got."""

    port: int = 0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: Callable[[dict[str, Any]], int] = lambda _event: 204
    slow: asyncio.Event | None = None
    asked: int = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")[1:-2]
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.asked += 1
                if self.slow is not None:
                    await self.slow.wait()
                self.got.append((headers, body))
                status = self.answers(orjson.loads(body))
                text = b"" if status == 204 else b"no thanks"
                writer.write(
                    b"HTTP/1.1 %d x\r\nLocation: http://10.0.0.1/\r\nContent-Length: %d\r\n\r\n" % (status, len(text))
                )
                writer.write(text)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def events(self) -> list[str]:
        return [orjson.loads(body)["id"] for _, body in self.got]

    def is_signed(self, number: int, secret: str) -> bool:
        headers, body = self.got[number]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        return expected in headers["webhook-signature"].split(" ")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.take, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


class World:
    """The webhooks of one process, and the API."""

    def __init__(self, database: Database, client: httpx2.AsyncClient) -> None:
        self.database = database
        self.client = client
        self._number = 0

    async def put(self, name: str, status: int = 201, **body: Any) -> Any:
        answer = await self.client.put(f"/webhooks/{name}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, path: str, status: int = 200, **body: Any) -> Any:
        answer = await self.client.post(path, json=body) if body else await self.client.post(path)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def happen(self, *station_ids: str) -> None:
        """Events of these stations, in this order."""
        records = []
        for station_id in station_ids:
            self._number += 1
            told = DomainEvent(
                event_id=f"event-{self._number}",
                occurred_at_ms=self._number,
                station_id=station_id,
                station_connected=StationConnected(protocol="ocpp2.0.1", connection_id="c"),
            )
            records.append(Incoming(EVENTS_DEVICES.name, 0, 0, station_id, new_record(station_id, event=told)))
        await EventRecords(self.database, handlers(HistorySettings()))(records)

    async def deliveries(self, name: str, **query: str) -> list[Any]:
        answer = await self.client.get(f"/webhooks/{name}/deliveries", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]  # type: ignore[no-any-return]


async def eventually(check: Callable[[], Any], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = check()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def process(
    database: Database,
    retry_for: timedelta = timedelta(days=1),
    keys: SecretKeys = SecretKeys(b"a secret of the tests"),  # noqa: B008 nobody changes it
) -> AsyncIterator[World]:
    stop, sealer = asyncio.Event(), Sealer(keys)
    followed = Following(database)

    def new_sender() -> Sender:
        return Sender(HERE, ssl.create_default_context(), most=8)

    sending = Webhooks(database, followed, sealer, new_sender, retry_for=retry_for)
    resource = WebhookResource(database, sealer, HERE, new_sender, sending.wake)
    routers = [resource.router(), delivery_routes.router(database, sending.wake)]
    api_keys = ApiKeys.for_tests(admin=KEY, read=READER)
    app = create_app("history", routers=routers, keys=api_keys, health=Health(), version="0")
    transport, headers = httpx2.ASGITransport(app), {"Authorization": f"Bearer {KEY}"}
    async with (
        httpx2.AsyncClient(transport=transport, base_url="http://history/api/v1", headers=headers) as client,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(followed.run(stop))
        tasks.create_task(sending.run(stop))
        await followed.begun()
        try:
            yield World(database, client)
        finally:
            stop.set()


@pytest.fixture
async def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(delivery_rows, "FIRST_PAUSE", timedelta(milliseconds=100))
    async with process(database) as made:
        yield made


async def test_events_are_sent_signed_and_filtered_and_the_secret_is_shown_once(
    world: World, receiver: Receiver
) -> None:
    made = await world.put("app", url=receiver.url, station_ids=["CS1"], types=["station_connected"])
    assert made["secret"].startswith("whsec_")
    changed = await world.put("app", 200, url=receiver.url, station_ids=["cs1"])
    assert (changed["secret"], changed["types"]) == (None, ["station_connected"]), "what is left out is kept"
    assert "secret" not in (await world.client.get("/webhooks/app")).json()
    await world.happen("CS2", "CS1")
    await eventually(lambda: receiver.got)
    headers, body = receiver.got[0]
    assert orjson.loads(body)["subject"] == "CS1"
    assert headers["webhook-id"] == orjson.loads(body)["id"] == "event-2"
    assert receiver.is_signed(0, made["secret"])
    rotated = await world.post("/webhooks/app/rotate-secret", overlap_s=60)
    await eventually(lambda: world.post("/webhooks/app/test"))
    assert receiver.is_signed(1, rotated["secret"])
    await asyncio.sleep(1.2)  # the process looks each second
    await world.happen("CS1")
    await eventually(lambda: len(receiver.got) == 3)
    assert receiver.is_signed(2, rotated["secret"])
    assert receiver.is_signed(2, made["secret"])
    async with world.database.reading() as session:
        stored = (await session.execute(select(webhooks.c.secret))).scalar_one()
    assert signing.key_of(rotated["secret"]) not in stored
    assert rotated["secret"].encode() not in stored


async def test_a_secret_is_rotated_when_it_is_another_one(world: World, receiver: Receiver) -> None:
    secret, other = signing.new_secret(), signing.new_secret()
    made = await world.put("app", url=receiver.url, secret=secret)
    same = await world.put("app", 200, secret=secret)
    assert (same["secret_rotated_at"], same["previous_secret_until"]) == (made["secret_rotated_at"], None)
    assert same["url"] == receiver.url, "what is left out is kept"
    rotated = await world.put("app", 200, secret=other)
    assert rotated["previous_secret_until"] is not None
    assert (await world.post("/webhooks/app/rotate-secret"))["secret"].startswith("whsec_")


async def test_the_query_of_a_url_is_for_administrators(world: World, receiver: Receiver) -> None:
    url = f"{receiver.url}?token=s3cret"
    assert (await world.put("app", url=url))["url"] == url
    assert (await world.client.get("/webhooks/app")).json()["url"] == url
    reader = {"Authorization": f"Bearer {READER}"}
    found = (await world.client.get("/webhooks", headers=reader)).json()["items"]
    found.append((await world.client.get("/webhooks/app", headers=reader)).json())
    assert [one["url"] for one in found] == [f"{receiver.url}?***"] * 2


async def test_what_fails_comes_again_in_the_order_of_its_station_and_holds_up_no_other(
    world: World, receiver: Receiver
) -> None:
    failing = {"event-1": 2}

    def answer(event: dict[str, Any]) -> int:
        left = failing.get(event["id"], 0)
        failing[event["id"]] = left - 1
        return 503 if left > 0 else 204

    receiver.answers = answer
    await world.put("app", url=receiver.url)
    await world.happen("CS1", "CS1", "CS2", "CS1")
    await eventually(lambda: len(receiver.got) == 6)
    told = receiver.events()
    assert [one for one in told if one != "event-3"] == ["event-1", "event-1", "event-1", "event-2", "event-4"]
    assert told.index("event-3") < told.index("event-2")
    await eventually(lambda: _all(world, "app", "delivered"))
    first = (await world.deliveries("app"))[-1]
    assert (first["attempts"], first["last_status"]) == (3, 204)
    assert (first["station_id"], first["station_key"]) == ("CS1", "cs1")
    shown = (await world.client.get("/webhooks/app")).json()
    assert (shown["failures"], shown["last_failure_at"] is not None) == (0, True)


async def test_a_secret_outlives_the_key_it_was_sealed_under(database: Database, receiver: Receiver) -> None:
    async with process(database, keys=SecretKeys(b"a former key")) as world:
        made = await world.put("app", url=receiver.url)
    both = SecretKeys(b"the current key", (b"a former key",))
    async with process(database, keys=both) as world:
        await world.happen("CS1")
        await eventually(lambda: receiver.got)
    async with process(database, keys=SecretKeys(b"the current key")) as world:
        await world.happen("CS1", "CS1")  # the first is there already
        await eventually(lambda: len(receiver.got) == 2)
    assert receiver.is_signed(0, made["secret"])
    assert receiver.is_signed(1, made["secret"])


async def _all(world: World, name: str, state: str) -> bool:
    return {one["state"] for one in await world.deliveries(name)} == {state}


async def test_what_nobody_takes_is_dead_in_the_end_and_can_be_replayed(
    database: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_rows, "FIRST_PAUSE", timedelta(milliseconds=100))
    receiver.answers = lambda _event: 302  # is not followed
    async with process(database, retry_for=timedelta(seconds=0.3)) as world:
        await world.put("app", url=receiver.url)
        await world.happen("CS1", "CS1")
        await eventually(lambda: _all(world, "app", "dead"))
        second, first = await world.deliveries("app", state="dead")
        assert (first["last_status"], first["last_error"]) == (302, "redirects are not followed")
        receiver.answers = lambda _event: 204
        assert await world.post(f"/webhooks/app/deliveries/{second['id']}/replay") == {"replayed": 1}
        assert await world.post("/webhooks/app/replay") == {"replayed": 1}
        await eventually(lambda: _all(world, "app", "delivered"))
        await world.post(f"/webhooks/app/deliveries/{second['id']}/replay", 409)


async def test_a_station_whose_events_are_not_taken_holds_up_no_other(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, number in (("MOST_PENDING", 12), ("CROWDED", 6), ("MOST_OF_ONE", 4)):
        monkeypatch.setattr(runner, name, number)
    receiver.answers = lambda event: 500 if event["subject"] == "BAD" else 204
    await world.put("app", url=receiver.url)
    for number in range(1, 9):
        await world.happen("BAD", "CS1", "BAD")
        await eventually(partial(_count, receiver, "CS1", number))
    dead = await world.deliveries("app", state="dead")
    assert {one["station_key"] for one in dead} == {"bad"}
    assert dead[0]["last_error"] == "was not tried: too many events of its station wait"
    receiver.answers = lambda _event: 204
    await eventually(lambda: world.post("/webhooks/app/replay"))
    await eventually(lambda: _all(world, "app", "delivered"))
    assert _count(receiver, "BAD", 16)


def _count(receiver: Receiver, station_id: str, least: int) -> bool:
    found = {event["id"] for _, body in receiver.got if (event := orjson.loads(body))["subject"] == station_id}
    return len(found) >= least


async def test_a_slow_receiver_hurts_nobody_else_and_another_process_goes_on(
    database: Database, receiver: Receiver
) -> None:
    async with process(database) as world:
        slow = Receiver(slow=asyncio.Event())
        server = await asyncio.start_server(slow.take, "127.0.0.1", 0)
        slow.port = server.sockets[0].getsockname()[1]
        await world.put("slow", url=slow.url)
        await world.put("quick", url=receiver.url)
        await world.happen(*(f"CS{number}" for number in range(30)))
        await eventually(lambda: len(receiver.got) == 30)
        assert slow.got == []
        slow.slow.set()  # type: ignore[union-attr]
        await eventually(lambda: len(slow.got) == 30)
        server.close()
    async with process(database) as world:  # the first has given its webhooks back
        await world.happen("CS1")
        await eventually(lambda: any(one == "event-1" for one in receiver.events()))
        assert (await world.client.delete("/webhooks/quick")).status_code == 204
        async with database.reading() as session:
            left = await session.scalars(select(webhook_deliveries.c.webhook_id).distinct())
        assert set(left) == {"slow"}


async def test_what_is_left_of_deleted_webhooks_goes(world: World, database: Database) -> None:
    """A process may end while it deletes the deliveries of one."""
    await world.put("kept", url="https://receiver.example/", enabled=False)
    logged = [log_rows.Logged(number, f"e{number}", "station_connected", None, None, b"{}") for number in range(5)]
    async with database.transaction() as session:
        for webhook_id in ("gone", "kept", "very-gone"):
            await delivery_rows.add(session, webhook_id, logged, utcnow(), crowded={})
    deleted = []
    for _ in range(5):
        async with database.transaction() as session:
            deleted.append(await delivery_rows.delete_of_gone(session, utcnow(), 3))
    assert deleted == [3, 2, 3, 2, 0]
    async with database.reading() as session:
        assert set(await session.scalars(select(webhook_deliveries.c.webhook_id))) == {"kept"}


async def test_a_slow_webhook_that_is_deleted_holds_up_no_other(world: World, receiver: Receiver) -> None:
    slow = Receiver(slow=asyncio.Event())
    server = await asyncio.start_server(slow.take, "127.0.0.1", 0)
    slow.port = server.sockets[0].getsockname()[1]
    await world.put("slow", url=slow.url)
    await world.happen("CS1")
    await eventually(lambda: slow.asked)
    assert (await world.client.delete("/webhooks/slow")).status_code == 204
    await asyncio.sleep(0.2)  # the deleted one is looked at
    await world.put("quick", url=receiver.url)
    await world.put("slow", url=receiver.url)
    await world.happen("CS2")
    await eventually(lambda: receiver.got, 5)
    slow.slow.set()  # type: ignore[union-attr]
    await eventually(lambda: len(receiver.got) == 2)
    server.close()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/url"),
        ({"url": ""}, "/url"),
        ({"url": "http://example.org/"}, "/url"),
        ({"url": "https://127.0.0.1/"}, "/url"),
        ({"url": "https://user:password@example.org/"}, "/url"),
        ({"url": "ftp://example.org/"}, "/url"),
        ({"url": "https://example.org/", "types": ["nothing"]}, "/types/0"),
        ({"url": "https://example.org/", "secret": "whsec_short"}, "/secret"),
        ({"url": "https://example.org/", "event_types": []}, "/event_types"),
    ],
    ids=["no-url", "empty", "http", "private", "password", "ftp", "type", "secret", "field"],
)
async def test_what_no_webhook_can_be(database: Database, body: dict[str, Any], pointer: str) -> None:
    sealer = Sealer(SecretKeys(b"a secret of the tests"))
    resource = WebhookResource(database, sealer, PUBLIC, lambda: pytest.fail("sends nothing"), lambda: None)
    keys = ApiKeys.for_tests(admin=KEY)
    app = create_app("history", routers=[resource.router()], keys=keys, health=Health(), version="0")
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://history/api/v1", headers=headers
    ) as client:
        answer = await client.put("/webhooks/app", json=body)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.169.254",
            "0.0.0.0",  # noqa: S104 a target, nothing that is bound
            "100.64.0.1",
            "224.0.0.1",
        ),
        *("::1", "fd00::1", "fe80::1%eth0", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::"),
    ],
)
async def test_a_name_that_leads_into_a_private_network_is_refused(address: str) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["93.184.215.14", address]

    with pytest.raises(Refused):
        await targets.look_up("https://hook.example/", PUBLIC, resolve)
    sender = Sender(PUBLIC, ssl.create_default_context(), most=1, resolve=resolve)
    sent = await sender.send("https://hook.example/", b"{}", {})
    assert (sent.ok, sent.status, sent.error.startswith("refused: ")) == (False, None, True)
    await sender.close()


async def test_it_goes_to_the_address_that_was_checked_under_the_name_that_was_asked_for() -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["93.184.215.14"]

    target = await targets.look_up("https://hook.example:8443/a?b=c", PUBLIC, resolve)
    assert str(target.url) == "https://93.184.215.14:8443/a?b=c"
    assert (target.host, target.server_name) == ("hook.example:8443", "hook.example")


def test_pauses_grow_and_are_spread() -> None:
    longest = timedelta(hours=1)
    pauses = [delivery_rows.retry_pause(attempts, longest, 0.0).total_seconds() for attempts in range(30)]
    assert pauses[:4] == [5, 10, 20, 40]
    assert pauses[-1] == 3600
    assert delivery_rows.retry_pause(0, longest, 1.0) == timedelta(seconds=2.5)


@pytest.mark.parametrize("told", ["9" * 400, "99999999999999999", "3601"])
def test_a_target_may_ask_for_an_hour_at_most(told: str) -> None:
    assert sending._retry_after(httpx2.Response(503, headers={"Retry-After": told})) == 3600
