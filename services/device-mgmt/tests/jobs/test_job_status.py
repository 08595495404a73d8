"""Jobs as a station's messages and answers move them on."""

import pytest
from csms.v1.station_pb2 import Outcome
from csms_device_mgmt.jobs import job_rows
from csms_device_mgmt.jobs.course import JobKind


@pytest.fixture
def begun(units, station_id):
    async def begin(request_id, *, kind=JobKind.FIRMWARE_UPDATE, call_id="call-1"):
        async with units.open() as unit:
            await job_rows.begin(
                unit.session, station_id, kind, request_id, call_id=call_id, request={"asked": True}, now=unit.now
            )

    return begin


@pytest.fixture
def stands(units, station_id):
    async def read(request_id, kind=JobKind.FIRMWARE_UPDATE):
        async with units.reading() as session:
            row = await job_rows.find(session, station_id, kind, request_id)
            if row is None:
                return None
            steps = await job_rows.steps_of(session, [row], most=100, most_bytes=100_000)
            return row.state, row.status, [step.status for step in steps[request_id]]

    return read


def firmware(records, status, **payload):
    return records.call("FirmwareStatusNotification", {"status": status, **payload})


async def test_statuses_make_a_history(apply, records, begun, stands):
    await begun(1)
    for status in ("Downloading", "Installed"):
        applied = await apply(firmware(records, status, requestId=1))
        assert (applied.answer, applied.event_kinds) == ({}, ["station_notified"])
    assert await stands(1) == ("completed", "Installed", ["Downloading", "Installed"])


async def test_a_record_read_again_adds_nothing(apply, records, begun, stands):
    await begun(1)
    first, second = (firmware(records, status, requestId=1) for status in ("Downloading", "Downloaded"))
    for record in (first, second, first):
        await apply(record)
    assert await stands(1) == ("ongoing", "Downloaded", ["Downloading", "Downloaded"])


async def test_a_job_nobody_asked_for_is_shown(apply, records, stands):
    await apply(firmware(records, "Downloading", requestId=77))
    assert await stands(77) == ("ongoing", "Downloading", ["Downloading"])


async def test_a_status_without_request_id(apply, records, begun, stands):
    await apply(firmware(records, "Downloading"))  # there is nothing it could mean
    await begun(1, call_id="old")
    await begun(2)
    await apply(firmware(records, "Idle"))
    await apply(firmware(records, "Downloading"))
    assert await stands(1) == ("requested", None, [])
    assert await stands(2) == ("ongoing", "Downloading", ["Downloading"])


async def test_kinds_are_kept_apart(apply, records, begun, stands):
    for kind in JobKind:
        await begun(1, kind=kind)
    await apply(records.call("LogStatusNotification", {"status": "Uploaded", "requestId": 1}))
    location = {"status": "Published", "requestId": 1, "location": ["https://example.com"]}
    await apply(records.call("PublishFirmwareStatusNotification", location))
    assert (await stands(1, JobKind.LOG))[0] == (await stands(1, JobKind.PUBLICATION))[0] == "completed"
    assert await stands(1) == ("requested", None, [])


async def test_a_boot_belongs_to_the_update(apply, records, begun, stands, with_station):
    await with_station()
    await begun(1)
    await apply(firmware(records, "InstallRebooting", requestId=1))
    await apply(records.boot(reason="FirmwareUpdate", firmwareVersion="2.0"))
    assert await stands(1) == ("ongoing", "InstallRebooting", ["InstallRebooting", "Booted"])
    await apply(records.boot(reason="PowerUp"))
    assert (await stands(1))[2] == ["InstallRebooting", "Booted"]


@pytest.mark.parametrize(
    ("outcome", "response", "state"),
    [
        (Outcome.OUTCOME_RESULT, {"status": "Accepted"}, "ongoing"),
        (Outcome.OUTCOME_RESULT, {"status": "RevokedCertificate"}, "rejected"),
        (Outcome.OUTCOME_RESULT, {"unexpected": True}, "unanswered"),
        (Outcome.OUTCOME_ERROR, None, "unanswered"),
        (Outcome.OUTCOME_TIMEOUT, None, "unanswered"),
        (Outcome.OUTCOME_UNKNOWN, None, "unanswered"),
        (Outcome.OUTCOME_NOT_CONNECTED, None, "not_sent"),
    ],
)
async def test_the_answer(apply, records, begun, stands, outcome, response, state):  # noqa: PLR0917 fixtures
    await begun(1)
    sent = outcome != Outcome.OUTCOME_NOT_CONNECTED
    await apply(records.result("UpdateFirmware", {"requestId": 1}, response, outcome=outcome, sent=sent))
    assert (await stands(1))[0] == state


async def test_an_answer_after_the_first_status(apply, records, begun, stands):
    await begun(1)
    await apply(firmware(records, "DownloadFailed", requestId=1))
    await apply(records.result("UpdateFirmware", {"requestId": 1}, {"status": "Accepted"}))
    assert (await stands(1))[0] == "failed"


async def test_an_answer_to_another_call_changes_nothing(apply, records, begun, stands):
    await begun(1, call_id="a later one")
    await apply(records.result("UpdateFirmware", {"requestId": 1}, {"status": "Rejected"}))
    await apply(records.result("UpdateFirmware", {"requestId": 2}, {"status": "Rejected"}, call_id="call-2"))
    assert (await stands(1))[0] == "requested"
    assert await stands(2) is None


async def test_what_was_canceled(apply, records, begun, stands):
    await begun(1, call_id="call-0")
    await begun(2)
    await apply(records.result("UpdateFirmware", {"requestId": 2}, {"status": "AcceptedCanceled"}))
    assert ((await stands(1))[0], (await stands(2))[0]) == ("canceled", "ongoing")
