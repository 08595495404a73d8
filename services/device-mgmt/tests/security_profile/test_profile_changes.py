"""Moving a station to a higher security profile: the operation behind /stations/{id}/security-profile."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from csms.v1.station_pb2 import OUTCOME_ERROR, OUTCOME_NOT_CONNECTED, OUTCOME_TIMEOUT, OUTCOME_UNKNOWN, StationCommand
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.command import Target
from csms_device_mgmt.security_profile import profile_changes
from csms_device_mgmt.security_profile.change import MAX_ATTEMPTS, ProfileChange, Step, Wanted
from csms_device_mgmt.stations import station_rows
from csms_runtime.clock import now_ms
from csms_testing.pki import Authority

PRIORITY = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
ACCEPTED = {"status": "Accepted"}


class Changing:
    """Plays operator and station, step by step."""

    def __init__(self, apply, records, station_row, units) -> None:
        self._apply, self._records, self._row, self._units = apply, records, station_row, units

    async def begin(self, **changed: Any) -> list[StationCommand]:
        wanted: dict[str, Any] = {
            "security_profile": 2,
            "configuration_slot": 3,
            "ocpp_csms_url": "wss://csms.example.com/ocpp",
            "message_timeout_s": 20,
            "ocpp_interface": "Wired0",
            "network_configuration_priority": None,
            "reset_type": "OnIdle",
            "new_certificate": False,
        }
        async with self._units.open() as unit:
            station = (await station_rows.lock(unit.session, ["CS1"]))["CS1"]
            await profile_changes.begin(unit, station, Wanted(**(wanted | changed)))
        return [item.record.station_command for item in unit.outgoing]

    async def connect(self, connection_id: str, security_profile: int = 1) -> list[StationCommand]:
        record = self._records.connection(connection_id, slot=3)
        record.connection.security_profile = security_profile
        return _commands(await self._apply(record))

    async def disconnect(self, connection_id: str) -> None:
        assert _commands(await self._apply(self._records.connection(connection_id, is_open=False, slot=3))) == []

    async def boot(self, connection_id: str, security_profile: int, reason: str = "RemoteReset") -> None:
        record = self._records.boot(reason=reason)
        record.station_call.connection_id, record.station_call.security_profile = connection_id, security_profile
        assert _commands(await self._apply(record)) == []

    async def result(self, command: StationCommand, response: Any = None, **more: Any) -> list[StationCommand]:
        record = self._records.result(
            command.action,
            orjson.loads(command.payload),
            response,
            call_id=command.correlation_id,
            reply_topic="",
            target=Target(3, command.gateway_epoch, command.connection_id, command.connection_number),
            **more,
        )
        return _commands(await self._apply(record))

    async def variable(self, command: StationCommand, status: str = "Accepted", value: str | None = None):
        is_get = command.action == "GetVariables"
        result: dict[str, Any] = {**PRIORITY, "attributeStatus": status}
        if value is not None:
            result["attributeValue"] = value
        return await self.result(command, {"getVariableResult" if is_get else "setVariableResult": [result]})

    async def change(self) -> ProfileChange:
        found = profile_changes.change_of(await self._row())
        assert found
        return found

    async def until(self, step: Step) -> StationCommand:
        """Go on to where the CALL of a step has been sent."""
        (command,) = await self.begin(network_configuration_priority=(3, 0))
        if step is Step.NETWORK_PROFILE:
            return command
        (command,) = await self.result(command, ACCEPTED)
        if step is Step.PRIORITY:
            return command
        (command,) = await self.variable(command)
        return command


def _commands(applied) -> list[StationCommand]:
    sent = [item for item in applied.replies if item.record.HasField("station_command")]
    assert all(item.topic == "gateway.inbox" and item.partition == 3 for item in sent)
    return [item.record.station_command for item in sent]


def payload(command: StationCommand) -> Any:
    return orjson.loads(command.payload)


@pytest.fixture
async def changing(apply, records, station_row, units, with_station):
    await with_station(security_profile=1, serial_number="SN-1")
    made = Changing(apply, records, station_row, units)
    assert await made.connect("c1") == []
    return made


@pytest.mark.parametrize(("present", "following"), [("3,0,1", "Reset"), ("3", "Reset"), ("0,3", "SetVariables")])
async def test_a_priority_that_stays_the_same_is_not_set(changing, present, following):
    (read,) = await changing.begin()
    (profile,) = await changing.variable(read, value=present)
    (command,) = await changing.result(profile, ACCEPTED)
    assert command.action == following


async def test_the_whole_way(changing, station_row):
    (read,) = await changing.begin()
    assert (read.action, read.connection_id, payload(read)) == ("GetVariables", "c1", {"getVariableData": [PRIORITY]})
    (profile,) = await changing.variable(read, value="0,3, 1")
    assert profile.action == "SetNetworkProfile"
    assert payload(profile) == {
        "configurationSlot": 3,
        "connectionData": {
            "ocppVersion": "OCPP20",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": "wss://csms.example.com/ocpp",
            "messageTimeout": 20,
            "securityProfile": 2,
            "ocppInterface": "Wired0",
        },
    }
    (priority,) = await changing.result(profile, ACCEPTED)
    assert (await station_row()).pending_security_profile == 2  # let in from now on
    assert payload(priority) == {"setVariableData": [{**PRIORITY, "attributeValue": "3,0,1"}]}
    (reset,) = await changing.variable(priority, "RebootRequired")
    assert (reset.action, payload(reset)) == ("Reset", {"type": "OnIdle"})
    assert await changing.result(reset, {"status": "Scheduled"}) == []
    assert (await changing.change()).step is Step.CONNECT
    await changing.disconnect("c1")
    assert await changing.connect("c2", 2) == []
    change, row = await changing.change(), await station_row()
    assert (change.step, change.from_profile, change.reason) == (Step.DONE, 1, None)
    assert (row.security_profile, row.pending_security_profile) == (2, None)
    await changing.boot("c2", 2)
    assert await changing.connect("c3", 2) == []
    assert (await changing.change()).step is Step.DONE


async def test_with_slots_that_are_given_nothing_is_read(changing):
    (profile,) = await changing.begin(network_configuration_priority=(3, 7), reset_type="Immediate")
    assert profile.action == "SetNetworkProfile"
    (priority,) = await changing.result(profile, ACCEPTED)
    assert payload(priority)["setVariableData"][0]["attributeValue"] == "3,7"
    (reset,) = await changing.variable(priority)
    assert payload(reset) == {"type": "Immediate"}


async def test_a_certificate_first(changing, station_row):
    (trigger,) = await changing.begin(security_profile=3, new_certificate=True)
    assert (trigger.action, payload(trigger)) == (
        "TriggerMessage",
        {"requestedMessage": "SignChargingStationCertificate"},
    )
    assert await changing.result(trigger, ACCEPTED) == []
    assert (await changing.change()).step is Step.CERTIFICATE
    issued = Authority("Stations").issue("SN-1")
    signed = StationCommand(action="CertificateSigned", correlation_id="order-1")
    signed.payload = orjson.dumps({"certificateChain": issued.pem.decode()})
    (read,) = await changing.result(signed, ACCEPTED, origin="auth")
    assert read.action == "GetVariables"
    assert (await station_row()).certificate_not_after == issued.certificate.not_valid_after_utc
    # a renewal meanwhile changes nothing
    signed.correlation_id = "order-2"
    assert await changing.result(signed, ACCEPTED, origin="auth") == []
    assert (await changing.change()).call_id == read.correlation_id


async def test_a_station_that_forgets_its_request_is_asked_again(changing, units):
    (trigger,) = await changing.begin(security_profile=3, new_certificate=True)

    async def remind(after: timedelta) -> list[StationCommand]:
        async with units.open() as unit:
            row = (await station_rows.lock(unit.session, ["CS1"]))["CS1"]
            change = profile_changes.change_of(row).model_copy(update={"updated_at": unit.now - after})
            row.security_profile_change = change.model_dump(mode="json")
            await unit.session.flush()
            await profile_changes.remind(unit)
        return [item.record.station_command for item in unit.outgoing]

    late = profile_changes.CERTIFICATE_WAIT + timedelta(seconds=1)
    assert await remind(late) == []  # its answer is still awaited
    await changing.result(trigger, ACCEPTED)
    assert await remind(profile_changes.CERTIFICATE_WAIT - timedelta(seconds=1)) == []
    for _ in range(MAX_ATTEMPTS - 1):
        (trigger,) = await remind(late)
        assert trigger.action == "TriggerMessage"
        await changing.result(trigger, ACCEPTED)
    assert await remind(late) == []
    change = await changing.change()
    assert (change.step, change.failed_step) == (Step.FAILED, Step.CERTIFICATE)
    assert await remind(late) == []


async def test_another_certificate_is_not_what_it_waits_for(changing, station_row):
    (trigger,) = await changing.begin(security_profile=3, new_certificate=True)
    await changing.result(trigger, ACCEPTED)
    v2g = {"certificateChain": "none", "certificateType": "V2GCertificate"}
    signed = StationCommand(action="CertificateSigned", correlation_id="order-1", payload=orjson.dumps(v2g))
    assert await changing.result(signed, ACCEPTED, origin="auth") == []
    assert (await changing.change()).step is Step.CERTIFICATE
    assert (await station_row()).certificate_not_after is None


@pytest.mark.parametrize("chain", ["nonsense", "", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
async def test_a_certificate_that_only_the_station_can_read(changing, station_row, chain):
    await changing.begin(security_profile=3, new_certificate=True)
    body = orjson.dumps({"certificateChain": chain})
    signed = StationCommand(action="CertificateSigned", correlation_id="order-1", payload=body)
    (read,) = await changing.result(signed, ACCEPTED, origin="auth")  # before the answer to TriggerMessage
    assert read.action == "GetVariables"
    assert (await station_row()).certificate_not_after is None


async def test_a_refused_certificate_ends_it(changing):
    (trigger,) = await changing.begin(security_profile=3, new_certificate=True)
    await changing.result(trigger, ACCEPTED)
    signed = StationCommand(action="CertificateSigned", correlation_id="order-1", payload=b"{}")
    assert await changing.result(signed, {"status": "Rejected"}, origin="auth") == []
    change = await changing.change()
    assert (change.step, change.failed_step) == (Step.FAILED, Step.CERTIFICATE)
    assert "certificate" in change.reason


@pytest.mark.parametrize("status", ["Rejected", "NotImplemented"])
async def test_a_station_that_makes_no_request(changing, status):
    (trigger,) = await changing.begin(security_profile=3, new_certificate=True)
    assert await changing.result(trigger, {"status": status}) == []
    assert (await changing.change()).reason == f"the station answered {status}"


@pytest.mark.parametrize(
    ("step", "status"),
    [
        (Step.NETWORK_PROFILE, "Rejected"),
        (Step.NETWORK_PROFILE, "Failed"),
        (Step.PRIORITY, "Rejected"),
        (Step.PRIORITY, "UnknownVariable"),
        (Step.RESET, "Rejected"),
    ],
)
async def test_a_refusal_ends_it(changing, station_row, step, status):
    command = await changing.until(step)
    answer = (
        changing.variable(command, status) if step is Step.PRIORITY else changing.result(command, {"status": status})
    )
    assert await answer == []
    change = await changing.change()
    assert (change.step, change.failed_step, change.reason) == (Step.FAILED, step, f"the station answered {status}")
    assert (await station_row()).pending_security_profile == (None if step is Step.NETWORK_PROFILE else 2)
    assert len(await changing.begin()) == 1  # it can be begun again


@pytest.mark.parametrize("step", [Step.NETWORK_PROFILE, Step.PRIORITY, Step.RESET])
async def test_a_callerror_ends_it(changing, step):
    command = await changing.until(step)
    assert await changing.result(command, outcome=OUTCOME_ERROR) == []
    change = await changing.change()
    assert (change.step, change.failed_step) == (Step.FAILED, step)
    assert "NotSupported" in change.reason


@pytest.mark.parametrize(
    ("status", "value"), [("UnknownVariable", None), ("Rejected", None), ("Accepted", "first,second")]
)
async def test_a_station_that_does_not_tell_its_network_profiles(changing, status, value):
    (read,) = await changing.begin()
    assert await changing.variable(read, status, value) == []
    assert (await changing.change()).failed_step is Step.READ_PRIORITY


@pytest.mark.parametrize("value", ["", None])
async def test_a_station_with_no_network_profile(changing, value):
    (read,) = await changing.begin()
    await changing.variable(read, value=value)
    assert (await changing.change()).priority == (3,)


@pytest.mark.parametrize("step", [Step.NETWORK_PROFILE, Step.PRIORITY, Step.RESET])
async def test_a_new_connection_begins_the_step_again(changing, step):
    command = await changing.until(step)
    await changing.disconnect("c1")
    assert await changing.result(command, outcome=OUTCOME_NOT_CONNECTED, sent=False) == []
    (again,) = await changing.connect("c2")
    assert (again.action, again.payload, again.connection_id) == (command.action, command.payload, "c2")
    assert again.correlation_id != command.correlation_id
    assert (await changing.change()).step is step


async def test_the_outcome_on_the_old_connection_may_come_late(changing):
    command = await changing.until(Step.NETWORK_PROFILE)
    (again,) = await changing.connect("c2")
    assert await changing.result(command, outcome=OUTCOME_UNKNOWN) == []
    assert (await changing.change()).call_id == again.correlation_id


async def test_a_station_that_is_not_connected_is_asked_when_it_is(changing):
    await changing.disconnect("c1")
    assert await changing.begin() == []
    (read,) = await changing.connect("c2")
    assert (read.action, read.connection_id) == ("GetVariables", "c2")


async def test_silence_is_asked_again_but_not_for_ever(changing):
    (command,) = await changing.begin()
    for _ in range(MAX_ATTEMPTS - 1):
        (again,) = await changing.result(command, outcome=OUTCOME_TIMEOUT)
        assert again.payload == command.payload
        command = again
    assert await changing.result(command, outcome=OUTCOME_TIMEOUT) == []
    change = await changing.change()
    assert (change.step, change.failed_step) == (Step.FAILED, Step.READ_PRIORITY)
    assert await changing.connect("c2") == []


async def test_a_station_that_resets_without_an_answer(changing):
    reset = await changing.until(Step.RESET)
    await changing.disconnect("c1")
    assert await changing.connect("c2", 2) == []
    assert (await changing.change()).step is Step.DONE
    assert await changing.result(reset, outcome=OUTCOME_UNKNOWN) == []
    assert (await changing.change()).step is Step.DONE


@pytest.mark.parametrize("outcome", [OUTCOME_UNKNOWN, OUTCOME_TIMEOUT])
async def test_a_reset_that_may_have_been_carried_out_is_not_sent_again(changing, outcome):
    reset = await changing.until(Step.RESET)
    assert await changing.connect("c2") == []  # before anything is known of the reset
    assert await changing.result(reset, outcome=outcome) == []
    assert (await changing.change()).step is Step.CONNECT
    assert await changing.connect("c3") == []
    await changing.boot("c3", 1)
    assert (await changing.change()).failed_step is Step.CONNECT


async def test_a_station_that_booted_before_the_outcome_of_its_reset_was_known(changing):
    reset = await changing.until(Step.RESET)
    await changing.connect("c2")
    await changing.boot("c2", 1)
    assert (await changing.change()).step is Step.RESET
    earlier = now_ms() - 60_000
    assert await changing.result(reset, outcome=OUTCOME_UNKNOWN, sent_at_ms=earlier) == []
    assert (await changing.change()).failed_step is Step.CONNECT


async def test_a_station_that_comes_back_with_the_old_profile(changing, station_row):
    reset = await changing.until(Step.RESET)
    await changing.result(reset, ACCEPTED)
    await changing.boot("c1", 1)  # on the connection of before: it says nothing
    assert await changing.connect("c2") == []
    await changing.boot("c2", 1, reason="Triggered")
    assert (await changing.change()).step is Step.CONNECT
    await changing.boot("c2", 1)
    change = await changing.change()
    assert (change.step, change.failed_step) == (Step.FAILED, Step.CONNECT)
    assert "security profile 1" in change.reason
    assert (await station_row()).pending_security_profile == 2
    assert await changing.connect("c3", 2) == []  # at last
    change = await changing.change()
    assert (change.step, change.reason, change.failed_step) == (Step.DONE, None, None)


async def test_the_same_records_twice(changing, apply, records):
    command = await changing.until(Step.NETWORK_PROFILE)
    record = records.result(command.action, payload(command), ACCEPTED, call_id=command.correlation_id, reply_topic="")
    assert len(_commands(await apply(record))) == 1
    assert _commands(await apply(record)) == []
    opened = records.connection("c2", slot=3)
    assert len(_commands(await apply(opened))) == 1
    assert _commands(await apply(opened)) == []


async def test_a_station_that_is_rejected_meanwhile_is_sent_nothing(changing, units):
    command = await changing.until(Step.NETWORK_PROFILE)
    async with units.open() as unit:
        (await station_rows.find(unit.session, "CS1")).registration_status = Registration.REJECTED.value
    assert await changing.result(command, ACCEPTED) == []
    assert (await changing.change()).step is Step.FAILED


async def test_calls_of_others_change_nothing(changing, records, apply):
    await changing.until(Step.RESET)
    others = records.result("Reset", {"type": "Immediate"}, ACCEPTED, call_id="by-hand")
    assert _commands(await apply(others)) == []
    assert (await changing.change()).step is Step.RESET


async def test_later_versions_take_what_the_station_negotiates(changing, records, apply):
    record = records.connection("c2", slot=3, protocol="ocpp2.1")
    await apply(record)
    (profile,) = await changing.begin(network_configuration_priority=(3,))
    assert profile.protocol == "ocpp2.1"
    assert "ocppVersion" not in payload(profile)["connectionData"]


async def test_calls_are_in_the_history(changing, units):
    (read,) = await changing.begin()
    async with units.reading() as session:
        row = await call_rows.find(session, read.correlation_id)
    assert (row.action, row.requested_by, row.origin) == ("GetVariables", "security-profile", "device-mgmt")


async def test_after_a_cancel_only_the_connection_counts(changing, units, station_row):
    command = await changing.until(Step.PRIORITY)
    async with units.open() as unit:
        station = await station_rows.find(unit.session, "CS1")
        profile_changes.cancel(unit, station, profile_changes.change_of(station))
    assert await changing.variable(command) == []
    assert await changing.connect("c2") == []
    assert (await changing.change()).reason == "canceled"
    assert (await station_row()).pending_security_profile == 2
    assert await changing.connect("c3", 2) == []
    assert (await changing.change()).step is Step.DONE


def test_what_is_stored_is_read_as_it_was():
    wanted = Wanted(
        security_profile=2,
        configuration_slot=1,
        ocpp_csms_url="wss://a",
        message_timeout_s=1,
        ocpp_interface="Wired0",
        network_configuration_priority=(1, 0),
        reset_type="OnIdle",
        new_certificate=False,
    )
    now = datetime.fromtimestamp(now_ms() / 1000, tz=UTC)
    change = ProfileChange(wanted=wanted, from_profile=1, step=Step.RESET, started_at=now, updated_at=now, attempts=2)
    assert ProfileChange.model_validate(change.model_dump(mode="json")) == change
