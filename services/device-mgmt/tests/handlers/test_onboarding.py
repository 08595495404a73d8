"""Onboarding: Pending, inventory, variables, Accepted (B02)."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from csms.v1.auth_pb2 import RegistrationStatus
from csms.v1.station_pb2 import OUTCOME_ERROR, OUTCOME_TIMEOUT, StationCommand
from csms_device_mgmt.domain.onboarding import STALLED, Progress, Step
from csms_device_mgmt.domain.registration import Registration
from csms_device_mgmt.onboarding import progress_of
from csms_device_mgmt.store import calls, stations

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


async def test_a_step_that_stalled_begins_again(onboarding, units):
    await onboarding.boot()
    async with units.open() as unit:
        row = await stations.find(unit.session, "CS1")
        stored = dict(row.onboarding_progress)
        stored["updated_at"] = (unit.now - STALLED - timedelta(seconds=1)).isoformat()
        row.onboarding_progress = stored
    _, (again,) = await onboarding.boot()
    assert again.action == "GetBaseReport"


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
        row = await calls.find(session, ask.correlation_id)
    assert (row.action, row.requested_by) == ("GetBaseReport", "onboarding")
