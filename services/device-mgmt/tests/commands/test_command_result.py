import pytest
from csms.v1.station_pb2 import Outcome
from csms_bus.flow import Never
from csms_bus.topics import DEVICES_INBOX
from csms_device_mgmt.commands import call_rows, command_result
from csms_device_mgmt.commands.command import Target
from csms_device_mgmt.commands.new_call import fingerprint
from csms_device_mgmt.unit import Units
from csms_runtime import passwords
from csms_runtime.clock import to_ms, utcnow
from csms_runtime.secret_keys import SecretKeys


@pytest.fixture
def call(units):
    async def read(call_id="call-1"):
        async with units.reading() as session:
            return await call_rows.find(session, call_id)

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
    (event,) = applied.events
    told = event.command_completed
    assert (told.call_id, told.action, told.outcome, told.status) == (row.call_id, "Reset", "result", "Accepted")
    assert (told.origin, told.sent_at_ms, told.completed_at_ms) == (
        row.origin,
        to_ms(row.sent_at),
        to_ms(row.completed_at),
    )


async def test_error_is_stored(apply, records, call):
    await apply(records.result("Reset", {"type": "OnIdle"}, outcome=Outcome.OUTCOME_ERROR))
    row = await call()
    assert (row.outcome, row.response) == ("error", None)
    assert row.error == {"code": "NotSupported", "description": "no", "details": {}, "source": None}


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


async def test_what_a_gateway_knows_replaces_what_was_assumed(apply, records, call):
    """Nothing came in time, so that it was called unknown; then the first outcome that comes counts."""
    for outcome, sent, stored in [
        (Outcome.OUTCOME_UNKNOWN, False, "unknown"),
        (Outcome.OUTCOME_NOT_CONNECTED, False, "not_connected"),
        (Outcome.OUTCOME_UNKNOWN, True, "not_connected"),
    ]:
        await apply(records.result("Reset", {"type": "OnIdle"}, outcome=outcome, sent=sent))
        assert (await call()).outcome == stored


async def test_an_unknown_outcome_tells_when_it_was_sent_and_a_late_answer_replaces_it(apply, records, call):
    unknown = records.result("Reset", {"type": "OnIdle"}, outcome=Outcome.OUTCOME_UNKNOWN)
    await apply(unknown)
    assert ((await call()).outcome, (await call()).sent_at is not None) == ("unknown", True)
    await apply(records.result("Reset", {"type": "OnIdle"}, outcome=Outcome.OUTCOME_NOT_CONNECTED, sent=False))
    assert (await call()).outcome == "unknown"
    await apply(records.result("Reset", {"type": "OnIdle"}, {"status": "Accepted"}))
    assert (await call()).outcome == "result"
    await apply(unknown)
    assert (await call()).outcome == "result"


async def test_sent_and_not_connected_as_older_gateways_say_is_unknown(apply, records, call):
    await apply(records.result("Reset", {"type": "OnIdle"}, outcome=Outcome.OUTCOME_NOT_CONNECTED))
    assert (await call()).outcome == "unknown"


async def test_the_outcome_of_a_call_that_has_no_row_is_only_passed_on(apply, records, call):
    record = records.result("Reset", {"type": "OnIdle"}, {"status": "Accepted"})
    assert len((await apply(record, recorded=False)).replies) == 1
    assert await call() is None


def sent_on(applied):
    return [item for item in applied.told if item.record.HasField("station_command")]


class TestTheStationHasANewerConnection:
    """The call was recorded for connection "a"; the gateway says that it never was sent there."""

    @pytest.fixture
    def refused(self, records):
        return records.result("Reset", {"type": "OnIdle"}, outcome=Outcome.OUTCOME_NOT_CONNECTED, sent=False)

    async def test_it_goes_there_and_nobody_is_told_of_an_outcome(self, apply, records, with_station, call, refused):
        await with_station()
        await apply(records.connection("b", slot=2, epoch=200))
        applied = await apply(refused)
        assert applied.replies == []
        (sent,) = sent_on(applied)
        command = sent.record.station_command
        assert (sent.partition, command.gateway_epoch, command.connection_id) == (2, 200, "b")
        assert (command.correlation_id, command.payload) == ("call-1", refused.command_result.command.payload)
        row = await call()
        assert (row.state, row.target_connection_id, row.target_number) == ("open", "b", ord("b"))

    async def test_the_same_record_twice_sends_it_once(self, apply, records, with_station, call, refused):
        await with_station()
        await apply(records.connection("b", slot=2, epoch=200))
        await apply(refused)
        again = await apply(refused)
        assert (again.told, again.replies, (await call()).state) == ([], [], "open")

    async def test_it_is_over_when_that_one_is_gone_too(self, apply, records, with_station, call, refused):
        await with_station()
        await apply(records.connection("b", slot=2, epoch=200))
        await apply(refused)
        there = Target(2, 200, "b", ord("b"))
        applied = await apply(
            records.result("Reset", {"type": "OnIdle"}, outcome=Outcome.OUTCOME_NOT_CONNECTED, sent=False, target=there)
        )
        assert (sent_on(applied), (await call()).outcome) == ([], "not_connected")

    async def test_not_to_a_gateway_that_is_gone(self, apply, records, with_station, refused, gateways):
        await with_station()
        await apply(records.connection("b", slot=2, epoch=200))
        gateways.gone.add((2, 200))
        applied = await apply(refused)
        assert (sent_on(applied), len(applied.replies)) == ([], 1)

    async def test_not_when_it_may_have_been_sent(self, apply, records, with_station, call):
        await with_station()
        await apply(records.connection("b", slot=2, epoch=200))
        for outcome in (Outcome.OUTCOME_UNKNOWN, Outcome.OUTCOME_TIMEOUT):
            assert sent_on(await apply(records.result("Reset", {"type": "OnIdle"}, outcome=outcome))) == []
        assert (await call()).outcome == "unknown"

    async def test_not_when_it_is_too_late(self, apply, records, with_station, call, refused):
        await with_station()
        await apply(records.connection("b", slot=2, epoch=200))
        refused.command_result.command.deadline_ms = 1
        assert sent_on(await apply(refused)) == []
        assert (await call()).outcome == "not_connected"

    async def test_not_to_an_older_connection(self, apply, records, with_station, refused):
        await with_station()
        await apply(records.connection("A", slot=2, epoch=200))  # a lower number
        assert sent_on(await apply(refused)) == []


async def test_secrets_are_not_kept(apply, records, call):
    element = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": "a-new-long-password",
    }
    await apply(records.result("SetVariables", {"setVariableData": [element]}, {"setVariableResult": []}))
    assert "a-new-long-password" not in str((await call()).request)


PASSWORD = {
    "component": {"name": "SecurityCtrlr"},
    "variable": {"name": "BasicAuthPassword"},
    "attributeValue": "the-password-of-the-operator",
}
ACCEPTED = {"component": PASSWORD["component"], "variable": PASSWORD["variable"], "attributeStatus": "Accepted"}


@pytest.fixture
async def asked(units, secret_key, with_station):
    """A station that was asked to take the operator's password."""
    await with_station()
    now = utcnow()
    async with units.open() as unit:
        row = {
            "call_id": "call-1",
            "station_id": "CS1",
            "action": "SetVariables",
            "protocol": "ocpp2.0.1",
            "request": {"setVariableData": [PASSWORD | {"attributeValue": "***"}]},
            "state": "open",
            "origin": "device-mgmt",
            "created_at": now,
            "deadline_at": now,
            "fingerprint": fingerprint(secret_key, "SetVariables", {"setVariableData": [PASSWORD]}),
        }
        await call_rows.add(unit.session, row)


def given_back(records, value, outcome=None):
    request = {"setVariableData": [PASSWORD | {"attributeValue": value}]}
    if outcome is not None:
        return records.result("SetVariables", request, outcome=outcome)
    return records.result("SetVariables", request, {"setVariableResult": [ACCEPTED]})


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("chosen", ["the-password-of-a-thief", "***"])
@pytest.mark.parametrize("over", [False, True])
async def test_a_gateway_sets_no_password_of_its_choice(apply, records, call, chosen, over):
    """It could give back another request than the one it got, and auth would be told of that password."""
    if over:  # an outcome that comes late counts
        await apply(given_back(records, PASSWORD["attributeValue"], Outcome.OUTCOME_TIMEOUT))
        assert (await apply(given_back(records, chosen))).admissions == []
        assert (await call()).outcome == "timeout"
        return
    with pytest.raises(Never, match="something else"):
        await apply(given_back(records, chosen))
    assert (await call()).state == "open"
    (told,) = (await apply(given_back(records, PASSWORD["attributeValue"]))).admissions
    assert told.password_digest


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not-taken"])
async def test_an_outcome_counts_that_comes_after_the_key_was_replaced(  # noqa: PLR0917 fixtures
    database, settings, secret_key, gateways, records, call, taken
):
    """What the station did not take was offered with the former key, and auth is told so of each key."""
    keys = SecretKeys(b"the key that is next", (secret_key,))
    units = Units(database, settings, keys, gateways, lambda: None)
    async with units.open() as unit:
        outcome = None if taken else Outcome.OUTCOME_ERROR
        await command_result.handle(unit, given_back(records, PASSWORD["attributeValue"], outcome))
        told = [each.record.station_admission for each in unit.first]
    assert (await call()).outcome == ("result" if taken else "error")
    digests = [passwords.digest(key, "CS1", PASSWORD["attributeValue"].encode()) for key in keys.every]
    if taken:
        assert [(each.password_digest, each.secret_key_id) for each in told] == [(digests[0], keys.current_id)]
    else:
        assert [each.dropped_password_digest for each in told] == digests
        assert told[0].revision < told[1].revision
