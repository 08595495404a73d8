"""Messages as large as may be, and as dense as stations send them: from the socket to the database, and shown."""

import asyncio

import orjson
import pytest
import websockets
from csms_testing.hostile.large import LARGE

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
DEADLINE_S = 60
MOST_BYTES = 4 * 1024 * 1024


def frame_of(kind):
    message = LARGE[kind][1]()[0]
    frame = message.head + b"large" + message.tail
    assert MOST_BYTES * 0.9 < len(frame) <= MOST_BYTES
    return frame


async def answer_to(connection, message_id):
    async with asyncio.timeout(DEADLINE_S):
        while True:
            frame = orjson.loads(await connection.recv())
            if frame[0] == 2:  # ours are of no interest
                await connection.send(orjson.dumps([4, frame[1], "NotSupported", "", {}]).decode())
            elif frame[1] == message_id:
                return frame


async def sent(system, station_id, frame):
    url = f"{system.ocpp_urls[0]}/{station_id}"
    async with websockets.connect(url, subprotocols=["ocpp2.0.1"], max_size=None) as connection:
        await connection.send(orjson.dumps([2, "boot", "BootNotification", BOOT]).decode())
        await answer_to(connection, "boot")
        await connection.send(frame.decode())
        return await answer_to(connection, "large")


async def test_a_transaction_event_is_kept_and_shown(system, station_id, api):
    frame = frame_of("large-transaction")
    assert await sent(system, station_id, frame) == [3, "large", {}]
    values = orjson.loads(frame)[3]["meterValue"]
    (found,) = (await api.get("/transactions", params={"station_id": station_id})).json()["items"]
    assert (found["state"], found["energy_wh"]) == ("Ended", len(values) - 1)
    shown = (await api.get(f"/transactions/{found['id']}/meter-values")).json()["items"]
    assert [item["meter_value"] for item in shown] == values


@pytest.mark.parametrize("kind", ["large-samples", "large-meter-values", "large-report", "large-events"])
async def test_other_messages_are_taken(system, station_id, api, kind):
    assert await sent(system, station_id, frame_of(kind)) == [3, "large", {}]
    noted = (await api.get(f"/stations/{station_id}/refused-messages")).json()["items"]
    # It has to pause after so much, and has more variables than are kept of a station.
    assert {item["kind"] for item in noted} <= {"rate_limited", "not_kept"}
    if kind == "large-meter-values":
        (item,) = (await api.get(f"/stations/{station_id}/meter-values")).json()["items"]
        assert item["payload"] == orjson.loads(frame_of(kind))[3]
