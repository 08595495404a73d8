import pytest
from csms.v1.auth_pb2 import RegistrationStatus
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.settings import DeviceSettings
from csms_device_mgmt.stations import station_rows
from csms_runtime.settings import UnknownStations


@pytest.mark.parametrize(
    "told", [(Registration.ACCEPTED, 300), (Registration.PENDING, 30), (Registration.REJECTED, 30)]
)
async def test_station_is_told_its_registration(apply, records, with_station, station_row, told):
    registration, interval = told
    await with_station(registration)
    applied = await apply(records.boot())
    assert applied.answer["status"] == registration.value
    assert applied.answer["interval"] == interval
    assert applied.answer["currentTime"].endswith("Z")
    assert (await station_row()).registration_status == registration.value


async def test_boot_data_is_kept(apply, records, station_row):
    boot = records.boot(
        serialNumber="SN-1", firmwareVersion="1.2", modem={"iccid": "i", "imsi": "m"}, reason="RemoteReset"
    )
    await apply(boot)
    row = await station_row()
    assert (row.vendor_name, row.model, row.boot_serial_number) == ("Vendor", "Model 1", "SN-1")
    assert (row.firmware_version, row.iccid, row.imsi, row.boot_reason) == ("1.2", "i", "m", "RemoteReset")
    assert row.booted_at is not None


async def test_what_a_later_boot_leaves_out_is_forgotten(apply, records, station_row):
    await apply(records.boot(firmwareVersion="1.2"))
    await apply(records.boot())
    assert (await station_row()).firmware_version is None


async def test_a_boot_that_was_asked_for_is_none(apply, records, station_row):
    await apply(records.boot(firmwareVersion="1.2"))
    booted_at = (await station_row()).booted_at
    applied = await apply(records.boot(reason="Triggered", firmwareVersion="1.3"))
    row = await station_row()
    assert (row.booted_at, row.boot_reason, row.firmware_version) == (booted_at, "PowerUp", "1.3")
    assert applied.events[0].station_booted.reason == "Triggered"


async def test_the_first_one_may_have_been_asked_for(apply, records, station_row):
    await apply(records.boot(reason="Triggered"))
    row = await station_row()
    assert (row.booted_at, row.vendor_name) == (None, "Vendor")


@pytest.mark.parametrize(
    ("registration", "connections", "boots"),
    [
        (Registration.PENDING, "aa", 1),
        (Registration.REJECTED, "aa", 1),
        (Registration.PENDING, "ab", 2),
        (Registration.ACCEPTED, "aa", 2),
    ],
)
async def test_what_is_repeated_until_it_is_accepted_is_no_boot(  # noqa: PLR0917 fixtures
    apply, records, with_station, station_row, registration, connections, boots
):
    await with_station(registration)
    seen = set()
    for connection_id in connections:
        record = records.boot()
        record.station_call.connection_id = connection_id
        await apply(record)
        seen.add((await station_row()).booted_at)
    assert len(seen) == boots


async def test_boot_is_told_as_an_event(apply, records):
    applied = await apply(records.boot(serialNumber="SN-1"))
    (event,) = applied.events
    booted = event.station_booted
    assert (booted.reason, booted.vendor_name, booted.serial_number) == ("PowerUp", "Vendor", "SN-1")
    assert booted.registration_status == "Accepted"


async def test_the_same_record_twice_is_told_with_the_same_id(apply, records):
    boot = records.boot()
    first, second = await apply(boot), await apply(boot)
    assert first.answer["status"] == second.answer["status"]
    assert [event.event_id for event in first.events] == [event.event_id for event in second.events]
    assert second.admissions == []


async def test_auth_learns_a_new_status(apply, records, with_station, units):
    await with_station(Registration.PENDING)
    assert (await apply(records.boot())).admissions == []  # auth has it from the configuration
    async with units.open() as unit:
        (await station_rows.find(unit.session, "CS1")).registration = "Accepted"
    (admission,) = (await apply(records.boot())).admissions
    assert admission.registration_status == RegistrationStatus.REGISTRATION_STATUS_ACCEPTED
    assert admission.revision > 1
    assert admission.password_digest == b""
    assert (await apply(records.boot())).admissions == []


async def test_unknown_station_is_created_as_configured(apply, records, station_row):
    applied = await apply(records.boot())
    assert applied.answer["status"] == "Accepted"
    assert (await station_row()).registration == "Accepted"
    (admission,) = applied.admissions
    assert admission.registration_status == RegistrationStatus.REGISTRATION_STATUS_ACCEPTED


class TestUnknownStationsArePending:
    @pytest.fixture
    def settings(self):
        return DeviceSettings(unknown_stations=UnknownStations.PENDING, boot_retry_interval_s=7)

    async def test_it_waits(self, apply, records, station_row):
        applied = await apply(records.boot())
        assert (applied.answer["status"], applied.answer["interval"]) == ("Pending", 7)
        assert (await station_row()).registration == "Pending"


class TestUnknownStationsAreRejected:
    @pytest.fixture
    def settings(self):
        return DeviceSettings(unknown_stations=UnknownStations.REJECT)

    async def test_it_gets_no_row(self, apply, records, station_row):
        applied = await apply(records.boot())
        assert applied.answer["status"] == "Rejected"
        assert applied.answer["interval"] > 0
        assert await station_row() is None
        assert applied.told == []
