"""The calls of docs/support.md, in both modes, on a station where all of it happened."""

import asyncio
import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import websockets

PAGE = Path(__file__).parents[2] / "docs" / "support.md"
CALL = re.compile(r'^curl .*"\$CSMS(/[^"]+)"$', re.MULTILINE)
DEADLINE_S = 30


@pytest.fixture
def token() -> str:
    return f"TAG{uuid.uuid4().hex[:12].upper()}"


def calls(**values: str) -> dict[str, str]:
    """The paths of the page's calls, by their first question's words, with these values."""
    found = {}
    for section in PAGE.read_text().split("\n## ")[1:]:
        (path,) = CALL.findall(section)
        for name, value in values.items():
            path = path.replace(f"${name}", value)
        found[section.partition("\n")[0]] = path
    return found


async def eventually(api: httpx2.AsyncClient, path: str, wanted: set[tuple[str, str]]) -> list[dict[str, Any]]:
    """The items of a list, as soon as these (type, part of a sentence) are there."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            items = (await api.get(path)).raise_for_status().json()["items"]
            if all(any(one["type"] == kind and part in one["sentence"] for one in items) for kind, part in wanted):
                return items
            await asyncio.sleep(0.1)  # what other services do meanwhile shows nowhere else


async def all_of_it(connect: Any, api: httpx2.AsyncClient, station_id: str, token: str) -> None:
    """Have happen at the station what people ask about."""
    (await api.put(f"/id-tokens/ISO14443/{token}", json={"status": "Blocked"})).raise_for_status()
    async with connect(station_id) as station:
        await station.boot()
        await station.status(1, 1, "Available")
        assert (await station.authorize(token))["status"] == "Blocked"
        await station.transaction_event("Started", "tx", 0, trigger_reason="Authorized", id_token=token, energy_wh=0.0)
        await station.transaction_event("Ended", "tx", 1, energy_wh=10.0)
        await station.status(1, 1, "Faulted")
        answer = await api.post(f"/stations/{station_id}/calls/Reset", json={"type": "Immediate"})
        assert answer.json()["outcome"] == "result"
    (
        await api.put(f"/stations/{station_id}", json={"security_profile": 1, "password": "long-enough-for-a-station"})
    ).raise_for_status()
    with pytest.raises(websockets.InvalidStatus):
        async with connect(station_id, password="wrong-enough-for-a-station"):
            pass


async def test_each_question_has_one_call(connect, api, station_id, token):
    since = datetime.now(UTC) - timedelta(minutes=1)
    await all_of_it(connect, api, station_id, token)
    stamp = {"SINCE": since.isoformat().replace("+00:00", "Z"), "UNTIL": "2100-01-01T00:00:00Z"}
    page = calls(STATION=station_id, TOKEN=token.lower(), VERSION="1.0.1&limit=1000", **stamp)
    happened = await eventually(
        api,
        page["Driver X could not charge at 14:05 at station Y: why?"],
        {
            ("connection", "connected from"),
            ("boot", "The station started (PowerUp) with firmware 1.0 and was accepted."),
            ("status", "Connector 1 of EVSE 1 is free."),
            ("authorization", f"Token {token} (ISO14443) was refused (Blocked)"),
            ("transaction", "Transaction tx ended at"),
            ("fault", "Connector 1 of EVSE 1 has a fault."),
            ("command", "Reset: it answered Accepted."),
            ("connection", "The connection ended"),
            ("refusal", "was not let in"),
            ("audit", f"POST /api/v1/stations/{station_id}/calls/Reset: it was done."),
        },
    )
    times = [one["occurred_at"] for one in happened]
    assert times == sorted(times, reverse=True)
    found = {question: (await api.get(path)).raise_for_status().json() for question, path in page.items()}
    decisions = found["What became of this card, everywhere?"]["items"]
    assert {(one["station_id"], one["status"], one["purpose"]) for one in decisions} == {
        (station_id, "Blocked", "authorize"),
        (station_id, "Blocked", "transaction"),
    }
    assert all(one["reason"] == "stored" for one in decisions)
    assert station_id in {one["station_id"] for one in found["Who was refused lately, and why?"]["items"]}
    faults = found["Which stations reported an error today?"]["items"]
    assert ("Faulted", 1) in {(one["code"], one["evse_id"]) for one in faults if one["station_id"] == station_id}
    assert station_id in {one["station_id"] for one in found["Which stations run firmware older than N?"]["items"]}
    offline = found["Why is it offline?"]["items"]
    assert {one["type"] for one in offline} == {"connection", "refusal", "boot"}
    (connection,) = found["When was it connected, from where, and how often does it break?"]["items"]
    assert connection["closed_at"] is not None
    assert (connection["protocol"], connection["remote_address"]) == ("ocpp2.0.1", "127.0.0.1")
    assert connection["gateway"] is not None
    (refused,) = found["Who tries to connect and is not let in?"]["items"]
    assert (refused["remote_address"], refused["known"]) == ("127.0.0.1", True)
    statuses = found["Since when is this connector out of service?"]["items"]
    assert [one["status"] for one in statuses] == ["Faulted", "Available"]
    (booted,) = found["Does it reboot by itself?"]["items"]
    assert booted["firmware_version"] == "1.0"
    changed = found["What did somebody change or send to it?"]["items"]
    assert {"command", "configuration"} == {one["type"] for one in changed}
    (transaction,) = found["What was charged, and is it right?"]["items"]
    assert transaction["energy_wh"] == 10.0
    messages = found["What did it send and get, word by word?"]["items"]
    assert {"BootNotification", "Authorize", "Reset"} <= {one["action"] for one in messages}
    assert "Model 1" in str(found["How is the fleet now?"])
    uptime = found["How available was it last month?"]
    (evse,) = uptime["evses"]
    assert evse["unknown_s"] > 50
    assert evse["up_s"] > 0 < evse["down_s"]
    assert sum(uptime[f"{state}_s"] for state in ("up", "down", "planned", "unknown")) == pytest.approx(
        (datetime.fromisoformat(uptime["until"]) - since).total_seconds(), abs=0.01
    )


async def test_what_an_operator_took_out_of_service_is_planned(connect, api, station_id):
    since = datetime.now(UTC)
    async with connect(station_id) as station:
        await station.boot()
        await station.status(1, 1, "Available")
        order = {"operationalStatus": "Inoperative", "evse": {"id": 1}}
        answer = await api.post(f"/stations/{station_id}/calls/ChangeAvailability", json=order)
        assert answer.json()["response"] == {"status": "Accepted"}
        await station.status(1, 1, "Unavailable")
        path = f"/stations/{station_id}/uptime?since={since.isoformat().replace('+00:00', 'Z')}"
        async with asyncio.timeout(DEADLINE_S):
            while True:
                found = (await api.get(path)).raise_for_status().json()
                if found["evses"] and found["evses"][0]["planned_s"] > 0:
                    break
                await asyncio.sleep(0.1)
    assert found["evses"][0]["down_s"] == 0
    (told,) = (await api.get(f"/stations/{station_id}/timeline?types=configuration")).json()["items"][:1]
    assert told["sentence"] == "An operator took EVSE 1 out of service."


async def test_what_a_timeline_does_not_know_is_refused(api, station_id):
    assert (await api.get(f"/stations/{station_id}/timeline?types=weather")).status_code == 422
    assert (await api.get(f"/stations/{station_id}/timeline?type=boot")).status_code == 422
    assert (await api.get(f"/stations/{station_id}/uptime")).status_code == 422
    assert (await api.get(f"/stations/{station_id}/timeline")).json() == {"items": [], "next_cursor": None}
