"""DER controls that stations hold, and swaps of batteries: from commands and messages, in any order and again."""

from datetime import UTC, datetime

import pytest
from csms_device_mgmt.battery_swap import swap_rows
from csms_device_mgmt.battery_swap.swaps import state_of, told
from csms_device_mgmt.der import control_rows
from csms_device_mgmt.der.controls import Control, reported

V21 = "ocpp2.1"
T = "2026-01-01T00:00:00Z"
AT = datetime(2026, 1, 1, tzinfo=UTC)
CURVE = {"priority": 0, "yUnit": "PctMaxW", "curveData": [{"x": 1, "y": 2}]}
SHOWN = {"id": "c-1", "curveType": "VoltWatt", "isDefault": True, "isSuperseded": False, "curve": CURVE}
SET = {"isDefault": True, "controlId": "c-1", "controlType": "VoltWatt", "curve": CURVE}
TOKEN = {"idToken": "TAG", "type": "ISO14443"}
BATTERY = {"evseId": 1, "serialNumber": "B-1", "soC": 20, "soH": 98}


@pytest.mark.parametrize(
    ("entry", "control"),
    [
        ({"curve": SHOWN}, Control("c-1", "VoltWatt", is_default=True, settings=CURVE)),
        (
            {"fixedPFInject": {"id": "f", "isDefault": False, "isSuperseded": True, "fixedPF": {"displacement": 1}}},
            Control("f", "FixedPFInject", is_default=False, settings={"displacement": 1}, is_superseded=True),
        ),
        ({"gradient": {"id": "g", "gradient": {"priority": 0}}}, Control("g", "Gradients", True, {"priority": 0})),  # noqa: FBT003
        (
            {"enterService": {"id": "e", "enterService": {"priority": 0, "customData": {"vendorId": "v"}}}},
            Control("e", "EnterService", is_default=True, settings={"priority": 0}),
        ),
        (
            {"gradient": {"id": "h", "gradient": {"x": "y" * 5000}}},
            Control("h", "Gradients", is_default=True, settings={}),
        ),
    ],
)
def test_each_kind_of_control_is_read(entry, control):
    assert list(reported([entry])) == [control]


@pytest.fixture
def held(units, station_id):
    """What the station holds: ids, and whether they are superseded and active."""

    async def read():
        async with units.reading() as session:
            rows = await control_rows.of_station(session, station_id)
        return {row.control_id: (row.is_superseded, row.is_started) for row in rows}

    return read


@pytest.fixture
def command(apply, records):
    """Has the station take a command."""

    async def take(action, request, response, **more):
        record = records.result(action, request, response, **more)
        record.command_result.command.protocol = V21
        await apply(record)

    return take


async def test_controls_are_held_superseded_active_and_cleared(apply, records, with_station, command, held):
    await with_station()
    await command("SetDERControl", SET, {"status": "Accepted"}, call_id="1")
    await command("SetDERControl", {**SET, "controlId": "c-2"}, {"status": "Rejected"}, call_id="2")
    assert await held() == {"c-1": (False, None)}
    accepted = {"status": "Accepted", "supersededIds": ["c-1"]}
    await command("SetDERControl", {**SET, "controlId": "c-3", "isDefault": False}, accepted, call_id="3")
    started = {"controlId": "c-3", "started": True, "timestamp": T}
    await apply(records.call("NotifyDERStartStop", started, protocol=V21))
    assert await held() == {"c-1": (True, None), "c-3": (False, True)}
    await command("ClearDERControl", {"isDefault": True}, {"status": "Accepted"}, call_id="4")
    assert await held() == {"c-3": (False, True)}


async def test_a_report_says_what_is_held_twice_if_need_be(apply, records, with_station, held):
    await with_station()
    part = records.call("ReportDERControl", {"requestId": 1, "curve": [SHOWN]}, protocol=V21)
    for _ in range(2):
        await apply(part)
    assert await held() == {"c-1": (False, None)}


async def test_a_station_has_so_many_controls(units, station_id, held):
    many = [Control(f"c-{number}", "VoltWatt", is_default=True, settings={}) for number in range(150)]
    async with units.open() as unit:
        for some in (many[:80], many[80:]):
            await control_rows.store(unit.session, station_id, some, AT)
    assert len(await held()) == control_rows.MOST


@pytest.mark.parametrize(
    ("has", "state"),
    [
        ((False, False, False), "Requested"),
        ((True, False, False), "BatteryIn"),
        ((False, True, False), "BatteryOut"),
        ((True, True, False), "Completed"),
        ((True, False, True), "Timeout"),
        ((True, True, True), "Completed"),
    ],
)
def test_how_far_a_swap_is(has, state):
    has_in, has_out, is_timed_out = has
    assert state_of(has_in=has_in, has_out=has_out, is_timed_out=is_timed_out) == state


def test_what_is_kept_of_a_swap_is_bounded():
    payload = {"eventType": "BatteryIn", "requestId": 1, "idToken": {"idToken": "x" * 999, "type": "y" * 99}}
    found = told(payload | {"batteryData": [{**BATTERY, "vendorInfo": "z" * 9999, "customData": {}}] * 99}, AT)
    assert len(found["id_token"]) == 255
    assert [set(battery) for battery in found["batteries_in"]] == [{*BATTERY, "vendorInfo"}] * 8
    assert len(found["batteries_in"][0]["vendorInfo"]) == 500


async def test_a_swap_is_one_row_for_all_its_messages(apply, records, command, units, station_id):
    await command("RequestBatterySwap", {"requestId": 5, "idToken": TOKEN}, {"status": "Accepted"}, call_id="1")
    for event in ("BatteryIn", "BatteryOut"):
        payload = {"eventType": event, "requestId": 5, "idToken": TOKEN, "batteryData": [BATTERY]}
        record = records.call("BatterySwap", payload, protocol=V21)
        for _ in range(2):
            await apply(record)
    async with units.reading() as session:
        (row,) = await swap_rows.page(session, station_id, limit=9, before=None)
    assert (row.batteries_in, row.batteries_out) == ([BATTERY], [BATTERY])
    assert row.requested_at is not None
