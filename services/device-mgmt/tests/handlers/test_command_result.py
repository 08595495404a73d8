import pytest
from csms.v1.station_pb2 import Outcome
from csms_bus.topics import DEVICES_INBOX
from csms_device_mgmt.store import calls


@pytest.fixture
def call(units):
    async def read(call_id="call-1"):
        async with units.reading() as session:
            return await calls.find(session, call_id)

    return read


async def test_result_is_stored_and_passed_on(apply, records, call):
    record = records.result("Reset", {"type": "OnIdle"}, {"status": "Accepted"})
    applied = await apply(record)
    row = await call()
    assert (row.state, row.outcome, row.response) == ("completed", "result", {"status": "Accepted"})
    assert row.request == {"type": "OnIdle"}
    assert row.completed_at > row.sent_at
    (passed_on,) = applied.replies
    assert (passed_on.topic, passed_on.partition) == (DEVICES_INBOX.name, 2)
    assert passed_on.record == record


async def test_error_is_stored(apply, records, call):
    await apply(records.result("Reset", {"type": "OnIdle"}, outcome=Outcome.OUTCOME_ERROR))
    row = await call()
    assert (row.outcome, row.response) == ("error", None)
    assert row.error == {"code": "NotSupported", "description": "no", "details": {}}


async def test_calls_of_other_services_are_in_the_history_and_passed_on(apply, records, call):
    record = records.result(
        "RequestStartTransaction",
        {"a": 1},
        {"status": "Accepted"},
        origin="transactions",
        reply_topic="transactions.inbox",
    )
    (passed_on,) = (await apply(record)).replies
    assert passed_on.topic == "transactions.inbox"
    assert (await call()).origin == "transactions"


async def test_nobody_waits(apply, records, call):
    applied = await apply(records.result("Reset", {"type": "OnIdle"}, {"status": "Accepted"}, reply_topic=""))
    assert applied.replies == []
    assert (await call()).outcome == "result"


async def test_the_same_record_twice(apply, records, call):
    record = records.result("Reset", {"type": "OnIdle"}, {"status": "Accepted"})
    await apply(record)
    assert len((await apply(record)).replies) == 1
    assert (await call()).outcome == "result"


async def test_late_result_replaces_a_timeout_and_not_the_other_way_round(apply, records, call):
    timeout = records.result("Reset", {"type": "OnIdle"}, outcome=Outcome.OUTCOME_TIMEOUT)
    result = records.result("Reset", {"type": "OnIdle"}, {"status": "Accepted"})
    await apply(timeout)
    assert (await call()).outcome == "timeout"
    await apply(result)
    assert (await call()).outcome == "result"
    await apply(timeout)
    assert (await call()).outcome == "result"


async def test_a_retry_may_follow_not_connected(apply, records, call):
    for outcome, stored in [
        (Outcome.OUTCOME_NOT_CONNECTED, "not_connected"),
        (Outcome.OUTCOME_TIMEOUT, "timeout"),
        (Outcome.OUTCOME_NOT_CONNECTED, "timeout"),
    ]:
        await apply(records.result("Reset", {"type": "OnIdle"}, outcome=outcome))
        assert (await call()).outcome == stored


async def test_secrets_are_not_kept(apply, records, call):
    element = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": "a-new-long-password",
    }
    await apply(records.result("SetVariables", {"setVariableData": [element]}, {"setVariableResult": []}))
    assert "a-new-long-password" not in str((await call()).request)
