"""The security profile a station has, and a higher one it may come with (A05)."""

import pytest
from csms.v1.station_pb2 import OUTCOME_ERROR, OUTCOME_NOT_CONNECTED, OUTCOME_TIMEOUT
from csms_device_mgmt.commands import call_rows
from csms_runtime.clock import now_ms

URL = "wss://csms.example.com/ocpp"


def network_profile(security_profile: int) -> dict:
    data = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": URL,
        "messageTimeout": 30,
        "securityProfile": security_profile,
        "ocppInterface": "Wired0",
    }
    return {"configurationSlot": 1, "connectionData": data}


def opened(records, connection_id, profile):
    record = records.connection(connection_id)
    record.connection.security_profile = profile
    return record


def profiles(row):
    return row.security_profile, row.reached_security_profile, row.pending_security_profile


async def test_a_higher_profile_that_the_station_took_is_let_in(apply, records, with_station, station_row):
    await with_station(security_profile=1, organization="Fleet")
    applied = await apply(records.result("SetNetworkProfile", network_profile(2), {"status": "Accepted"}))
    assert profiles(await station_row()) == (1, None, 2)
    (admission,) = applied.admissions
    assert (admission.security_profile, admission.pending_security_profile) == (1, 2)
    assert admission.organization == "Fleet"
    assert admission.revision == (await station_row()).revision > 1


@pytest.mark.parametrize("profile", [1, 2])
async def test_one_that_is_not_higher_changes_nothing(apply, records, with_station, station_row, profile):
    await with_station(security_profile=2)
    applied = await apply(records.result("SetNetworkProfile", network_profile(profile), {"status": "Accepted"}))
    assert applied.admissions == []
    assert profiles(await station_row()) == (2, None, None)


@pytest.mark.parametrize("status", ["Rejected", "Failed"])
async def test_one_that_was_refused_changes_nothing(apply, records, with_station, station_row, status):
    await with_station(security_profile=1)
    assert (await apply(records.result("SetNetworkProfile", network_profile(2), {"status": status}))).admissions == []
    await apply(records.result("SetNetworkProfile", network_profile(2), outcome=OUTCOME_ERROR, call_id="call-2"))
    assert profiles(await station_row()) == (1, None, None)


@pytest.mark.parametrize(
    ("outcome", "sent", "pending"),
    [(OUTCOME_TIMEOUT, True, 2), (OUTCOME_NOT_CONNECTED, True, 2), (OUTCOME_NOT_CONNECTED, False, None)],
)
async def test_one_without_an_answer_may_have_been_taken(  # noqa: PLR0917 fixtures
    apply, records, with_station, station_row, outcome, sent, pending
):
    await with_station(security_profile=1)
    record = records.result("SetNetworkProfile", network_profile(2), outcome=outcome)
    record.command_result.sent_at_ms = now_ms() if sent else 0
    await apply(record)
    assert profiles(await station_row()) == (1, None, pending)


async def test_the_first_connection_with_it_ends_lower_ones(apply, records, with_station, station_row):
    await with_station(security_profile=1, pending_security_profile=2)
    first = await apply(opened(records, "a", 1))
    assert first.admissions == []
    assert first.event_kinds == ["station_connected"]
    record = opened(records, "b", 2)
    applied = await apply(record)
    assert profiles(await station_row()) == (2, 2, None)
    (admission,) = applied.admissions
    assert (admission.security_profile, admission.pending_security_profile) == (2, 0)
    event = applied.events[-1]
    assert (event.security_profile_changed.from_profile, event.security_profile_changed.to_profile) == (1, 2)
    assert event.event_id == f"{record.record_id}:security-profile"
    again = await apply(opened(records, "c", 2))
    assert (again.admissions, again.event_kinds) == ([], ["station_disconnected", "station_connected"])


async def test_a_station_of_which_nothing_is_demanded(apply, records, with_station, station_row):
    await with_station()
    assert (await apply(opened(records, "a", 1))).admissions == []
    await apply(records.result("SetNetworkProfile", network_profile(2), {"status": "Accepted"}))
    applied = await apply(opened(records, "b", 2))
    assert profiles(await station_row()) == (2, 2, None)
    assert applied.admissions[0].security_profile == 2
    assert applied.events[-1].security_profile_changed.from_profile == 1


async def test_a_higher_one_that_nobody_announced(apply, records, with_station, station_row):
    await with_station(security_profile=1)
    assert (await apply(opened(records, "a", 3))).admissions[0].security_profile == 3
    assert profiles(await station_row()) == (3, 3, None)


async def test_the_same_results_twice(apply, records, with_station):
    await with_station(security_profile=1)
    record = records.result("SetNetworkProfile", network_profile(2), {"status": "Accepted"})
    assert len((await apply(record)).admissions) == 1
    assert (await apply(record)).admissions == []


async def test_a_request_that_was_too_large_for_the_bus(apply, records, with_station, units):
    await with_station(security_profile=1)
    assert (await apply(records.result("SetNetworkProfile", {}, {"status": "Accepted"}))).admissions == []
    async with units.reading() as session:
        assert (await call_rows.find(session, "call-1")).outcome == "result"


class TestCertificateAndBoot:
    """B01.FR.11, B01.FR.12: with profile 3 the serial number is that of the certificate."""

    def boot(self, records, common_name, **hardware):
        record = records.boot(**hardware)
        call = record.station_call
        call.security_profile, call.certificate_common_name = 3, common_name
        call.gateway_epoch, call.connection_id = 100, "c1"
        return record

    @pytest.mark.parametrize("common_name", ["SN-1", "SN-1.stations.example.com"])
    async def test_the_same(self, apply, records, with_station, common_name):
        await with_station()
        applied = await apply(self.boot(records, common_name, serialNumber="SN-1"))
        assert applied.answer["status"] == "Accepted"

    @pytest.mark.parametrize("common_name", ["SN-10", "X-SN-1", "SN-2", ""])
    async def test_another(self, apply, records, with_station, station_row, common_name):
        await with_station()
        record = self.boot(records, common_name, serialNumber="SN-1")
        applied = await apply(record)
        answer, close = applied.replies
        assert answer.record.reply.error.code == "SecurityError"
        assert (close.topic, close.partition) == ("gateway.inbox", 3)
        body = close.record.close_connection
        assert (body.gateway_epoch, body.connection_id) == (100, "c1")
        (event,) = applied.events
        assert event.event_id == f"{record.record_id}:refused"
        assert event.connection_refused.security_event == "InvalidChargingStationCertificate"
        row = await station_row()
        assert (row.registration_status, row.booted_at) == (None, None)

    async def test_an_empty_one_is_nobodys(self, apply, records, with_station):
        await with_station()
        answer, _close = (await apply(self.boot(records, "SN-1", serialNumber=""))).replies
        assert answer.record.reply.error.code == "SecurityError"

    async def test_one_that_is_left_out_cannot_be_compared(self, apply, records, with_station):
        await with_station()
        assert (await apply(self.boot(records, "SN-1"))).answer["status"] == "Accepted"

    async def test_other_profiles_have_no_certificate(self, apply, records, with_station):
        await with_station()
        record = records.boot(serialNumber="SN-1")
        record.station_call.security_profile = 2
        assert (await apply(record)).answer["status"] == "Accepted"
