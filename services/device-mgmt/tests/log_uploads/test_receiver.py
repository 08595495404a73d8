"""The receiver of logs: who may upload what, how large, and what is left when it fails."""

import asyncio
from base64 import b64encode
from contextlib import asynccontextmanager

import httpx2
import pytest
from csms_device_mgmt.log_uploads import receiver, upload_rows
from csms_device_mgmt.log_uploads.receiver import PREFIX, LogReceiver
from csms_device_mgmt.log_uploads.upload import VALID_FOR, Credentials, digest, file_name, location
from csms_device_mgmt.tables import LogPiece, LogUpload
from sqlalchemy import func, select

MOST = 700_000
AUTH = ("u1", "secret")


@pytest.fixture
async def client(units):
    async with units.open() as unit:
        await upload_rows.expect(unit.session, "u1", "CS1", request_id=7, password=digest("secret"), now=unit.now)
    transport = httpx2.ASGITransport(LogReceiver(units, MOST))
    async with httpx2.AsyncClient(transport=transport, base_url="http://csms") as made:
        yield made


async def _stored(units):
    async with units.reading() as session:
        pieces = await session.scalar(select(func.count()).select_from(LogPiece))
        return await upload_rows.find(session, "u1"), pieces


async def _chunks(count, size=100_000):
    for _ in range(count):
        yield b"x" * size


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_file_is_stored_in_pieces_and_read_again(client, units, method):
    named = {"Content-Disposition": 'form-data; name="uploadfile"; filename="a.zip"'}
    answer = await client.request(method, f"{PREFIX}u1/", content=_chunks(6), auth=AUTH, headers=named)
    assert answer.status_code == 201
    row, pieces = await _stored(units)
    assert (row.state, row.name, row.size, pieces) == ("Received", "a.zip", 600_000, 3)
    assert b"".join([piece async for piece in upload_rows.content(units, "u1", row.attempt)]) == b"x" * 600_000


@pytest.mark.parametrize(
    ("path", "auth", "status"),
    [
        ("u1/a.zip", None, 401),
        ("u1/a.zip", ("u1", "other"), 401),
        ("u1/a.zip", ("u2", "secret"), 401),
        ("u2/a.zip", AUTH, 401),
        ("u1/..%2F..%2Fpasswd", AUTH, 400),
        ("u1/%2E%2E", AUTH, 400),
    ],
)
async def test_others_and_other_names_are_refused(client, units, path, auth, status):
    answer = await client.put(f"{PREFIX}{path}", content=b"x", auth=auth)
    assert answer.status_code == status
    assert (await _stored(units))[1] == 0
    assert (await client.get(f"{PREFIX}u1/a.zip", auth=AUTH)).status_code == 405


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("2026-11-27T22:36:00Z_diag.zip", "2026-11-27T22_36_00Z_diag.zip"),
        ("log~1[2].zip", "log_1_2_.zip"),
        ("Protokoll_\u00e4.zip", "Protokoll__.zip"),
        ("/_station%3F1%232.log", "_station_1_2.log"),
        (".hidden%00", "_hidden_"),
        ("n" * 300 + ".zip", "n" * 251 + ".zip"),
        ("", "log-7"),
    ],
)
async def test_an_odd_name_is_made_harmless(client, units, path, name):
    assert (await client.put(f"{PREFIX}u1/{path}", content=b"x", auth=AUTH)).status_code == 201
    assert (await _stored(units))[0].name == name


@asynccontextmanager
async def _trickling(units, upload, idle_s=30.0):
    """A receiver with an upload on its way, of which some has come, and the task that waits for its answer."""
    app = LogReceiver(units, MOST, idle_s)
    some_came = asyncio.Event()

    async def body():
        yield b"x" * receiver.PIECE_BYTES
        some_came.set()
        await asyncio.Event().wait()

    messages = body()

    async def receive():
        return {"type": "http.request", "body": await anext(messages), "more_body": True}

    answered = []

    async def send(message):
        answered.append(message)

    headers = [(b"authorization", b"Basic " + b64encode(":".join(AUTH).encode()))]
    scope = {"type": "http", "method": "PUT", "path": f"{PREFIX}{upload}", "headers": headers, "query_string": b""}

    async def run():
        await app(scope, receive, send)
        return answered[0]["status"]

    async with asyncio.TaskGroup() as group:
        task = group.create_task(run())
        await some_came.wait()
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://csms") as other:
            yield other, task
        task.cancel()


@pytest.mark.usefixtures("client")
async def test_who_comes_anew_ends_what_came_before(units, monkeypatch):
    monkeypatch.setattr(receiver, "MOST_AT_A_TIME", 1)
    async with _trickling(units, "u1/a") as (client, older):
        async with units.open() as unit:
            await upload_rows.expect(unit.session, "u2", "CS2", request_id=7, password=digest("secret"), now=unit.now)
        assert (await client.put(f"{PREFIX}u2/b", content=b"x", auth=("u2", "secret"))).status_code == 503
        assert (await client.put(f"{PREFIX}u1/b", content=b"yz", auth=AUTH)).status_code == 201
        assert await older == 408
        assert (await client.put(f"{PREFIX}u2/b", content=b"x", auth=("u2", "secret"))).status_code == 201
    row, pieces = await _stored(units)
    assert (row.name, row.size, pieces) == ("b", 2, 2)


@pytest.mark.usefixtures("client")
async def test_a_silent_upload_ends_and_leaves_nothing(units):
    async with _trickling(units, "u1/a", idle_s=0.2) as (_, silent):
        assert await silent == 408
    assert (await _stored(units))[1] == 0


async def test_no_piece_is_added_to_an_upload_that_began_anew_or_is_gone(units):
    async with units.open() as unit:
        await upload_rows.expect(unit.session, "u1", "CS1", request_id=7, password=b"", now=unit.now)
        first = await upload_rows.begin(unit.session, "u1")
        assert await upload_rows.add_piece(unit.session, first, 0, b"x")
        second = await upload_rows.begin(unit.session, "u1")
        assert not await upload_rows.add_piece(unit.session, first, 1, b"x")
        assert await upload_rows.add_piece(unit.session, second, 0, b"y")
    assert (await _stored(units))[1] == 1


async def test_what_is_too_large_leaves_nothing_and_may_come_again(client, units):
    announced = await client.put(f"{PREFIX}u1/a", content=b"x" * (MOST + 1), auth=AUTH)
    assert announced.status_code == 413
    streamed = await client.put(f"{PREFIX}u1/a", content=_chunks(8), auth=AUTH)
    assert streamed.status_code == 413
    assert (await _stored(units))[1] == 0
    assert (await client.put(f"{PREFIX}u1/a", content=b"y", auth=AUTH)).status_code == 201
    assert (await client.put(f"{PREFIX}u1/a", content=b"z", auth=AUTH)).status_code == 409


async def test_an_upload_that_is_too_late_is_refused(client, units, monkeypatch):
    row, _ = await _stored(units)
    monkeypatch.setattr(receiver, "utcnow", lambda: row.asked_at + VALID_FOR * 2)
    assert (await client.put(f"{PREFIX}u1/a", content=b"x", auth=AUTH)).status_code == 403


async def test_the_oldest_uploads_of_a_station_give_way(units):
    for number in range(upload_rows.MOST_OF_STATION + 2):
        async with units.open() as unit:
            await upload_rows.expect(unit.session, f"n{number}", "CS1", request_id=number, password=b"", now=unit.now)
    async with units.reading() as session:
        assert await session.scalar(select(func.count()).select_from(LogUpload)) == upload_rows.MOST_OF_STATION


def test_the_location_has_the_credentials_and_ends_with_a_slash():
    found = location("https://csms.example/api/v1/log-uploads/", Credentials("u1", "p-_1"))
    assert found == "https://u1:p-_1@csms.example/api/v1/log-uploads/u1/"
    assert file_name("", 'attachment; filename="a.log"', "log-7") == "a.log"
