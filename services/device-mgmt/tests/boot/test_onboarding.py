"""Onboarding: Pending, inventory, variables, Accepted (B02)."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from csms.v1.auth_pb2 import RegistrationStatus
from csms.v1.station_pb2 import OUTCOME_ERROR, OUTCOME_TIMEOUT, StationCommand
from csms_device_mgmt.boot.onboarding import progress_of, remind
from csms_device_mgmt.boot.progress import LONGEST, STALLED, Progress, Step
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.command import Target
from csms_device_mgmt.stations import station_rows

FIRST = Target(0, 100, "a", ord("a"))
"""What `Records.connection("a")` opens."""

COMPONENT = {"name": "OCPPCommCtrlr"}
VARIABLES = [
    {"component": COMPONENT, "variable": {"name": name}, "attributeValue": "60"}
    for name in ("OfflineThreshold", "HeartbeatInterval", "RetryBackOffWaitMinimum")
]


def limit(name: str, value: str) -> dict[str, Any]:
    return {
        "component": {"name": "DeviceDataCtrlr"},
        "variable": {"name": name, "instance": "SetVariables"},
        "variableAttribute": [{"value": value}],
    }


class Onboarding:
    """Plays a station, step by step."""

    def __init__(self, apply, records, station_row) -> None:
        self._apply, self._records, self._row = apply, records, station_row

    async def boot(
        self, connection_id: str = "c1", protocol: str = "ocpp2.0.1", firmware: str = "1.0"
    ) -> tuple[str, list[StationCommand]]:
        """What it was told, and what was sent behind that."""
        record = self._records.boot(firmwareVersion=firmware)
        record.station_call.protocol = protocol
        record.station_call.connection_id = connection_id
        answer, *sent = (await self._apply(record)).replies
        commands = [item.record.station_command for item in sent]
        assert all(item.topic == "gateway.inbox" and item.partition == 3 for item in sent)
        return orjson.loads(answer.record.reply.payload)["status"], commands

    async def part(self, request_id: int, seq_no: int = 0, *, tbc: bool = False, data: Any = None):
        record = self._records.report_part(seq_no, tbc=tbc, request_id=request_id, data=data)
        _, *sent = (await self._apply(record)).replies
        return [item.record.station_command for item in sent]

    async def result(self, command: StationCommand, response: Any = None, **more: Any) -> list[StationCommand]:
        record = self._records.result(
            command.action,
            orjson.loads(command.payload),
            response,
            call_id=command.correlation_id,
            reply_topic="",
            **more,
        )
        return [item.record.station_command for item in (await self._apply(record)).replies]

    async def set_all(self, command: StationCommand, status: str = "Accepted") -> list[StationCommand]:
        elements = orjson.loads(command.payload)["setVariableData"]
        results = [
            {"component": e["component"], "variable": e["variable"], "attributeStatus": status} for e in elements
        ]
        return await self.result(command, {"setVariableResult": results})

    async def progress(self) -> Progress:
        found = progress_of(await self._row())
        assert found
        return found


@pytest.fixture
async def onboarding(apply, records, station_row, with_station):
    await with_station(onboarding="inventory", onboarding_variables=VARIABLES)
    return Onboarding(apply, records, station_row)


def payload(command: StationCommand) -> Any:
    return orjson.loads(command.payload)


async def test_the_whole_way(onboarding):
    told, (ask,) = await onboarding.boot()
    assert told == "Pending"
    assert (ask.action, ask.connection_id) == ("GetBaseReport", "c1")
    assert payload(ask)["reportBase"] == "FullInventory"
    assert await onboarding.result(ask, {"status": "Accepted"}) == []
    request_id = payload(ask)["requestId"]
    assert await onboarding.part(request_id, 0, tbc=True, data=[limit("ItemsPerMessage", "2")]) == []
    (first,) = await onboarding.part(request_id, 1)
    assert payload(first) == {"setVariableData": VARIABLES[:2]}
    (second,) = await onboarding.set_all(first)
    assert payload(second) == {"setVariableData": VARIABLES[2:]}
    (trigger,) = await onboarding.set_all(second)
    assert payload(trigger) == {"requestedMessage": "BootNotification"}
    assert (await onboarding.progress()).step is Step.BOOT
    assert await onboarding.result(trigger, {"status": "Rejected"}) == []
    assert await onboarding.boot() == ("Accepted", [])
    assert (await onboarding.progress()).step is Step.DONE
    assert await onboarding.boot("c2") == ("Accepted", [])


async def test_the_report_may_come_before_the_answer_that_it_will(onboarding):
    _, (ask,) = await onboarding.boot()
    (first,) = await onboarding.part(payload(ask)["requestId"])
    assert first.action == "SetVariables"
    assert await onboarding.result(ask, {"status": "Accepted"}) == []
    assert (await onboarding.progress()).step is Step.VARIABLES


async def test_without_known_limits_variables_are_set_one_by_one(onboarding):
    _, (ask,) = await onboarding.boot()
    (command,) = await onboarding.part(payload(ask)["requestId"])
    for element in VARIABLES:
        assert payload(command) == {"setVariableData": [element]}
        (command,) = await onboarding.set_all(command)
    assert command.action == "TriggerMessage"


@pytest.mark.parametrize("status", ["NotSupported", "EmptyResultSet", "Rejected"])
async def test_a_station_without_inventory_is_onboarded_all_the_same(onboarding, status):
    _, (ask,) = await onboarding.boot()
    (command,) = await onboarding.result(ask, {"status": status})
    assert command.action == "SetVariables"
    assert status in (await onboarding.progress()).notes[0]


async def test_a_callerror_is_noted(onboarding):
    _, (ask,) = await onboarding.boot()
    (command,) = await onboarding.result(ask, outcome=OUTCOME_ERROR)
    assert command.action == "SetVariables"
    (command,) = await onboarding.result(command, outcome=OUTCOME_ERROR)
    progress = await onboarding.progress()
    assert progress.variables_done == 1
    assert len(progress.notes) == 2


async def test_refused_variables_are_noted_without_their_values(onboarding):
    _, (ask,) = await onboarding.boot()
    (command,) = await onboarding.part(payload(ask)["requestId"])
    await onboarding.set_all(command, "Rejected")
    assert (await onboarding.progress()).notes == ("OCPPCommCtrlr.OfflineThreshold: Rejected",)


async def test_another_boot_meanwhile_asks_for_nothing_more(onboarding):
    await onboarding.boot()
    assert await onboarding.boot() == ("Pending", [])


async def test_a_boot_on_another_connection_begins_the_step_again(onboarding):
    _, (first,) = await onboarding.boot()
    told, (again,) = await onboarding.boot("c2")
    assert told == "Pending"
    assert (again.action, again.connection_id) == ("GetBaseReport", "c2")
    assert payload(again)["requestId"] != payload(first)["requestId"]
    assert await onboarding.part(payload(first)["requestId"]) == []  # of the old one: nothing follows
    (command,) = await onboarding.part(payload(again)["requestId"])
    assert command.action == "SetVariables"


async def test_a_boot_after_silence_begins_the_step_again(onboarding):
    _, (ask,) = await onboarding.boot()
    assert await onboarding.result(ask, outcome=OUTCOME_TIMEOUT) == []
    told, (again,) = await onboarding.boot()
    assert told == "Pending"
    assert again.action == "GetBaseReport"


@pytest.fixture
def later(units):
    """Lets time pass."""

    async def pass_by(time=STALLED, since="updated_at"):
        async with units.open() as unit:
            row = await station_rows.find(unit.session, "CS1")
            stored = dict(row.onboarding_progress)
            stored[since] = (unit.now - time - timedelta(seconds=1)).isoformat()
            row.onboarding_progress = stored

    return pass_by


async def test_a_step_that_stalled_begins_again(onboarding, later):
    await onboarding.boot()
    await later()
    _, (again,) = await onboarding.boot()
    assert again.action == "GetBaseReport"


async def test_no_report_comes_although_the_station_agreed(onboarding, later):
    _, (ask,) = await onboarding.boot()
    assert await onboarding.result(ask, {"status": "Accepted"}) == []
    assert await onboarding.boot() == ("Pending", [])
    await later()
    told, (command,) = await onboarding.boot()
    assert (told, command.action) == ("Pending", "SetVariables")
    for _ in VARIABLES:
        (command,) = await onboarding.set_all(command)
    assert command.action == "TriggerMessage"
    assert await onboarding.boot() == ("Accepted", [])
    assert (await onboarding.progress()).notes == ("no inventory: the station agreed, and sent no part of it",)


@pytest.mark.parametrize(
    ("parts", "note"),
    [
        ([(0, True), (1, True)], "inventory: 2 parts came, and not the last one"),
        ([(0, True), (2, False)], "inventory: not all of it came, missing are the parts 1"),
        ([(1, True), (3, True)], "inventory: not all of it came, missing are the parts 0, 2"),
    ],
)
async def test_a_report_that_does_not_end(onboarding, later, parts, note):
    _, (ask,) = await onboarding.boot()
    await onboarding.result(ask, {"status": "Accepted"})
    for seq_no, tbc in parts:
        assert await onboarding.part(payload(ask)["requestId"], seq_no, tbc=tbc) == []
    assert await onboarding.boot() == ("Pending", [])
    await later()
    _, (command,) = await onboarding.boot()
    assert command.action == "SetVariables"
    assert (await onboarding.progress()).notes == (note,)


async def test_parts_that_are_counted_from_one(onboarding):
    _, (ask,) = await onboarding.boot()
    await onboarding.result(ask, {"status": "Accepted"})
    assert await onboarding.part(payload(ask)["requestId"], 1, tbc=True, data=[limit("ItemsPerMessage", "3")]) == []
    (command,) = await onboarding.part(payload(ask)["requestId"], 2)
    assert payload(command) == {"setVariableData": VARIABLES}
    assert "counts its parts from 1" in (await onboarding.progress()).notes[0]


async def test_parts_that_all_have_one_number(onboarding):
    _, (ask,) = await onboarding.boot()
    request_id = payload(ask)["requestId"]
    assert await onboarding.part(request_id, 0, tbc=True, data=[limit("ItemsPerMessage", "3")]) == []
    assert await onboarding.part(request_id, 0, tbc=True, data=[limit("BytesPerMessage", "9000")]) == []
    (command,) = await onboarding.part(request_id, 0)
    assert payload(command) == {"setVariableData": VARIABLES}
    assert (await onboarding.progress()).notes == ("inventory: parts came with numbers that others had",)


async def test_a_part_that_is_sent_again_is_no_remark(onboarding):
    _, (ask,) = await onboarding.boot()
    for _ in range(2):
        await onboarding.part(payload(ask)["requestId"], 0, tbc=True, data=[limit("ItemsPerMessage", "3")])
    assert (await onboarding.progress()).notes == ()


async def test_parts_without_end_come_to_an_end(onboarding, later):
    _, (ask,) = await onboarding.boot()
    await onboarding.result(ask, {"status": "Accepted"})
    for seq_no in range(3):
        await onboarding.part(payload(ask)["requestId"], seq_no, tbc=True)
    await later(LONGEST, "began_at")
    _, (command,) = await onboarding.boot()
    assert command.action == "SetVariables"


@pytest.mark.parametrize("connections", [["c1"] * 8, list("abcdefgh")])
async def test_a_station_that_never_answers_is_accepted_in_the_end(onboarding, connections):
    """Whether it keeps its connection or comes with a new one each time."""
    told = []
    for connection_id in connections:
        status, commands = await onboarding.boot(connection_id)
        told.append(status)
        for command in commands:
            await onboarding.result(command, outcome=OUTCOME_TIMEOUT)
    assert told == ["Pending"] * 7 + ["Accepted"]
    progress = await onboarding.progress()
    assert progress.variables_done == 0
    assert [note for note in progress.notes if "asked 3 times" in note] == [
        "inventory: the station did not answer, asked 3 times",
        "variables: the station did not answer, asked 3 times",
    ]


async def test_one_that_does_not_boot_again_goes_on_by_itself(apply, onboarding, later, units, records):
    await apply(records.connection("a"))
    record = records.boot()
    record.station_call.connection_id = "a"
    record.station_call.gateway_epoch = FIRST.epoch
    record.station_call.connection_number = FIRST.number
    record.station_call.reply_to.partition = FIRST.slot
    ask = (await apply(record)).replies[1].record.station_command
    await onboarding.result(ask, {"status": "Accepted"})
    assert await reminded(units) == []
    await later()
    (command,) = await reminded(units)
    assert (command.action, command.connection_id) == ("SetVariables", "a")
    assert await reminded(units) == []


async def test_nothing_is_sent_to_one_that_has_left(onboarding, later, units):
    _, (ask,) = await onboarding.boot()
    await onboarding.result(ask, {"status": "Accepted"})
    await later()
    assert await reminded(units) == []


async def reminded(units) -> list[StationCommand]:
    async with units.open() as unit:
        await remind(unit)
    return [item.record.station_command for item in unit.outgoing]


async def test_variables_that_are_set_are_not_set_again(onboarding):
    _, (ask,) = await onboarding.boot()
    (first,) = await onboarding.part(payload(ask)["requestId"])
    (second,) = await onboarding.set_all(first)
    await onboarding.result(second, outcome=OUTCOME_TIMEOUT)
    _, (again,) = await onboarding.boot("c2")
    assert payload(again) == payload(second)


@pytest.mark.parametrize("registration", [Registration.PENDING, Registration.REJECTED])
async def test_configured_registration_holds_afterwards(apply, records, station_row, with_station, registration):
    await with_station(registration, onboarding="inventory")
    onboarding = Onboarding(apply, records, station_row)
    told, sent = await onboarding.boot()
    assert told == registration.value
    if registration is Registration.REJECTED:
        assert sent == []  # B03.FR.03
        return
    (trigger,) = await onboarding.part(payload(sent[0])["requestId"])
    assert trigger.action == "TriggerMessage"
    assert await onboarding.boot() == ("Pending", [])
    assert (await onboarding.progress()).step is Step.DONE


async def test_auth_learns_that_it_is_pending_until_then(onboarding, apply, records):
    record = records.boot()
    record.station_call.connection_id = "c1"
    applied = await apply(record)
    assert applied.admissions == []  # it counted as pending before its first boot, too
    (trigger,) = await onboarding.result(applied.replies[1].record.station_command, {"status": "NotSupported"})
    for _ in VARIABLES:
        (trigger,) = await onboarding.set_all(trigger)
    (admission,) = (await apply(records.boot())).admissions
    assert admission.registration_status == RegistrationStatus.REGISTRATION_STATUS_ACCEPTED


async def test_the_inventory_is_fetched_again_when_the_firmware_has_changed(onboarding):
    _, (ask,) = await onboarding.boot()
    assert await onboarding.boot(firmware="1.1") == ("Pending", [])  # it is on its way anyway
    (command,) = await onboarding.part(payload(ask)["requestId"])
    for _ in VARIABLES:
        (command,) = await onboarding.set_all(command)
    assert await onboarding.boot(firmware="1.1") == ("Accepted", [])
    told, (ask,) = await onboarding.boot(firmware="1.2")
    assert (told, ask.action) == ("Accepted", "GetBaseReport")
    assert await onboarding.result(ask, {"status": "Accepted"}) == []
    assert await onboarding.part(payload(ask)["requestId"]) == []
    assert (await onboarding.progress()).step is Step.DONE
    assert await onboarding.boot(firmware="1.2") == ("Accepted", [])


async def test_calls_are_of_the_version_the_station_speaks(onboarding):
    _, (ask,) = await onboarding.boot(protocol="ocpp2.1")
    assert ask.protocol == "ocpp2.1"
    (command,) = await onboarding.part(payload(ask)["requestId"])
    assert command.protocol == "ocpp2.1"


async def test_calls_are_in_the_history(onboarding, units):
    _, (ask,) = await onboarding.boot()
    async with units.reading() as session:
        row = await call_rows.find(session, ask.correlation_id)
    assert (row.action, row.requested_by) == ("GetBaseReport", "onboarding")
