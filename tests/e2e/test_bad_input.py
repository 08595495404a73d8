"""What comes in wrong gets the clear, standard answer, and nothing else is disturbed."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager

import pytest
import websockets

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
PASSWORD = "a-long-enough-password"


@asynccontextmanager
async def raw(system, station_id, *, subprotocols=("ocpp2.0.1",), user=None, password=None):
    headers = {}
    if password is not None:
        headers["Authorization"] = websockets.headers.build_authorization_basic(user or station_id, password)
    async with websockets.connect(
        f"{system.ocpp_urls[0]}/{station_id}", subprotocols=list(subprotocols) or None, additional_headers=headers
    ) as connection:
        yield connection


async def exchange(connection, frame):
    await connection.send(frame if isinstance(frame, (str, bytes)) else json.dumps(frame))
    return json.loads(await asyncio.wait_for(connection.recv(), 10))


@pytest.fixture
async def booted(system, station_id):
    async with raw(system, station_id) as connection:
        answer = await exchange(connection, [2, "boot", "BootNotification", BOOT])
        assert answer[:2] == [3, "boot"]
        assert answer[2]["status"] == "Accepted"
        yield connection


@pytest.fixture
def refusals(api, station_id):
    """What the API shows of the station's refused messages, as soon as it shows something."""

    async def shown():
        async with asyncio.timeout(10):
            while True:
                items = (await api.get(f"/stations/{station_id}/refused-messages")).json()["items"]
                if items:
                    return items
                await asyncio.sleep(0.05)

    return shown


async def still_works(connection):
    answer = await exchange(connection, [2, "hb", "Heartbeat", {}])
    assert answer[:2] == [3, "hb"]
    assert answer[2]["currentTime"].endswith("Z")


@pytest.mark.parametrize(
    ("frame", "message_id", "code"),
    [
        ('{"not": "an array"', "-1", "RpcFrameworkError"),
        ("[]", "-1", "RpcFrameworkError"),
        ([2, "x" * 37, "Heartbeat", {}], "-1", "RpcFrameworkError"),
        ([2, "m1", "NoSuchAction", {}], "m1", "NotImplemented"),
        ([2, "m2", "BootNotification", {"reason": "PowerUp"}], "m2", "OccurrenceConstraintViolation"),
        ([2, "m3", "Heartbeat", {"extra": 1}], "m3", "FormatViolation"),
        ([2, "m4", "Authorize", {"idToken": {"idToken": 5, "type": "ISO14443"}}], "m4", "TypeConstraintViolation"),
        ([2, "m5", "Authorize", {"idToken": {"idToken": "a", "type": "Card"}}], "m5", "PropertyConstraintViolation"),
    ],
)
async def test_a_wrong_frame_gets_its_error_and_the_connection_survives(booted, refusals, frame, message_id, code):
    answer = await exchange(booted, frame)
    assert answer[0] == 4
    assert answer[1] == message_id
    assert answer[2] == code
    assert isinstance(answer[4], dict)
    await still_works(booted)
    assert [(refused["code"], bool(refused["detail"])) for refused in await refusals()] == [(code, True)]


async def test_an_answer_nobody_asked_for_is_ignored(booted):
    await booted.send(json.dumps([3, "nobody-asked", {}]))
    await booted.send(json.dumps([4, "nobody-asked", "InternalError", "", {}]))
    await still_works(booted)


async def test_a_second_call_before_the_first_answer_is_answered_too(booted):
    for n in range(3):
        await booted.send(json.dumps([2, f"n{n}", "Authorize", {"idToken": {"idToken": f"T{n}", "type": "ISO14443"}}]))
    answers = [json.loads(await asyncio.wait_for(booted.recv(), 10)) for _ in range(3)]
    assert [answer[:2] for answer in answers] == [[3, "n0"], [3, "n1"], [3, "n2"]]


async def test_a_repeated_message_id_gets_the_stored_answer(booted):
    call = [2, "same", "Authorize", {"idToken": {"idToken": "T", "type": "ISO14443"}}]
    assert await exchange(booted, call) == await exchange(booted, call)


async def test_binary_frame_closes_with_unsupported_data(booted):
    await booted.send(b"\x00\x01")
    with pytest.raises(websockets.ConnectionClosed) as closed:
        await asyncio.wait_for(booted.recv(), 10)
    assert closed.value.rcvd.code == 1003


async def test_oversized_frame_closes_with_message_too_big(booted):
    async def send_and_read():
        await booted.send("x" * (16 * 1024 * 1024))
        await asyncio.wait_for(booted.recv(), 10)

    with pytest.raises(websockets.ConnectionClosed) as closed:
        await send_and_read()
    assert closed.value.rcvd.code == 1009


async def refused(system, station_id, **options):
    with pytest.raises(websockets.InvalidStatus) as refusal:
        async with raw(system, station_id, **options):
            pass
    return refusal.value.response.status_code


async def test_wrong_subprotocol_is_refused_before_the_upgrade(system, station_id):
    assert await refused(system, station_id, subprotocols=["ocpp0.1"]) == 400
    assert await refused(system, station_id, subprotocols=[]) == 400
    async with raw(system, station_id, subprotocols=["ocpp0.1", "ocpp2.0.1"]) as connection:
        assert connection.subprotocol == "ocpp2.0.1"


async def test_passwords(system, api, station_id):
    body = {"security_profile": 1, "password": PASSWORD, "registration": "Accepted"}
    (await api.put(f"/stations/{station_id}", json=body)).raise_for_status()
    async with raw(system, station_id, password=PASSWORD) as connection:
        assert (await exchange(connection, [2, "b", "BootNotification", BOOT]))[2]["status"] == "Accepted"
    assert await refused(system, station_id, password="another-long-password") == 401
    assert await refused(system, station_id) == 401
    assert await refused(system, station_id, user=station_id + "x", password=PASSWORD) == 401


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/calls/Reset", {"type": "Sometimes"}, 422),
        ("/calls/Reset", {}, 422),
        ("/calls/Reset", [], 422),
        ("/calls/NoSuchAction", {}, 404),
        ("/calls/BootNotification", BOOT, 404),
    ],
)
async def test_wrong_calls_are_refused_with_a_problem(api, station_id, path, body, status):
    (await api.put(f"/stations/{station_id}", json={"registration": "Accepted"})).raise_for_status()
    answer = await api.post(f"/stations/{station_id}{path}", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_unknown_station_is_404(api):
    for answer in (
        await api.get("/stations/nobody"),
        await api.post("/stations/nobody/calls/Reset", json={"type": "OnIdle"}),
    ):
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("application/problem+json")


async def test_no_token_and_wrong_token_are_401(api):
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}):
        answer = await api.get("/stations", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"].startswith("application/problem+json")


LISTS = [
    "/api-keys",
    "/audit",
    "/certificate-bars",
    "/certificate-requests",
    "/certificates",
    "/dead-letters",
    "/id-tokens",
    "/outboxes/auth/set-aside-records",
    "/outboxes/device-mgmt/set-aside-records",
    "/outboxes/transactions/set-aside-records",
    "/stations",
    "/stations/{id}/calls",
    "/stations/{id}/charging-profile-reports",
    "/stations/{id}/firmware-updates",
    "/stations/{id}/installed-certificates",
    "/stations/{id}/logs",
    "/stations/{id}/meter-values",
    "/stations/{id}/notifications",
    "/stations/{id}/refused-messages",
    "/stations/{id}/reports",
    "/stations/{id}/variables",
    "/transactions",
]
MOMENTS = ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+00:00", "2026-01-01T00:00:00"]
NUMBERS = [-(2**63), -1, 2**31, 2**63 - 1]
POSITIONS = [
    *([moment, other] for moment in MOMENTS for other in ("a", 1, 2**63 - 1)),
    *([number] for number in NUMBERS),
    ["a"],
    ["a", "b"],
]


@pytest.mark.parametrize("path", LISTS)
async def test_a_cursor_of_somebody_elses_making_is_no_error_of_ours(api, station_id, path):
    (await api.put(f"/stations/{station_id}", json={})).raise_for_status()
    found = {}
    for position in POSITIONS:
        cursor = base64.urlsafe_b64encode(json.dumps(position).encode()).rstrip(b"=").decode()
        answer = await api.get(path.format(id=station_id), params={"cursor": cursor})
        found[cursor] = (position, answer.status_code)
    assert [wrong for wrong in found.values() if wrong[1] not in {200, 422}] == []
