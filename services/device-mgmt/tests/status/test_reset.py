"""A reset that was agreed to is shown until the station has booted (B11, B12)."""

import pytest
from csms.v1.station_pb2 import OUTCOME_TIMEOUT


@pytest.mark.parametrize("status", ["Accepted", "Scheduled"])
async def test_a_reset_is_pending_until_the_boot(apply, records, station_row, status):
    await apply(records.boot())
    result = records.result("Reset", {"type": "OnIdle"}, {"status": status})
    result.command_result.completed_at_ms += 10_000
    await apply(result)
    pending = (await station_row()).pending_reset
    assert (pending["call_id"], pending["type"], pending["status"]) == ("call-1", "OnIdle", status)
    await apply(records.boot(reason="Triggered"))
    assert (await station_row()).pending_reset is not None
    await apply(records.boot(reason="ScheduledReset"))
    assert (await station_row()).pending_reset is None


@pytest.mark.parametrize(
    ("request_payload", "response"),
    [({"type": "OnIdle"}, {"status": "Rejected"}), ({"type": "OnIdle", "evseId": 1}, {"status": "Scheduled"})],
)
async def test_no_boot_will_follow(apply, records, station_row, request_payload, response):
    await apply(records.boot())
    result = records.result("Reset", request_payload, response)
    result.command_result.completed_at_ms += 10_000
    await apply(result)
    assert (await station_row()).pending_reset is None


async def test_no_answer(apply, records, station_row):
    await apply(records.boot())
    await apply(records.result("Reset", {"type": "OnIdle"}, outcome=OUTCOME_TIMEOUT))
    assert (await station_row()).pending_reset is None


async def test_an_answer_that_is_read_after_the_boot(apply, records, station_row):
    result = records.result("Reset", {"type": "Immediate"}, {"status": "Accepted"})
    result.command_result.completed_at_ms -= 10_000
    await apply(records.boot(reason="RemoteReset"))
    await apply(result)
    assert (await station_row()).pending_reset is None
