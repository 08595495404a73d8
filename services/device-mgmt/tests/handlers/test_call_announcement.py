import orjson
import pytest
from csms.v1.station_pb2 import CallAnnounced, CallAnnouncement, Outcome, ReplyTo, StationCommand
from csms_bus.records import new_record
from csms_device_mgmt.domain.registration import Registration
from csms_device_mgmt.store import calls, stations
from csms_runtime.clock import now_ms

TOKEN = {"idToken": "1234", "type": "KeyCode"}


def announcement(call_id="call-1", *, remote_start_id=1, token=TOKEN, key="", timeout_ms=0, **fields):
    payload = {"remoteStartId": remote_start_id, "idToken": token}
    command = StationCommand(
        correlation_id=call_id,
        protocol="ocpp2.0.1",
        action="RequestStartTransaction",
        payload=orjson.dumps(payload),
        timeout_ms=timeout_ms,
        origin="transactions",
    )
    body = {
        "reply_to": ReplyTo(topic="transactions.inbox", partition=1),
        "correlation_id": "question",
        "deadline_ms": now_ms() + 10_000,
        "command": command,
        "requested_by": "support",
        "idempotency_key": key,
    }
    return new_record("CS1", call_announcement=CallAnnouncement(**(body | fields)))


@pytest.fixture
def announce(apply):
    async def announced(*args, **fields):
        (reply,) = (await apply(announcement(*args, **fields))).replies
        assert (reply.topic, reply.partition) == ("transactions.inbox", 1)
        assert reply.record.call_announced.correlation_id == "question"
        return reply.record.call_announced

    return announced


@pytest.fixture
def call(units):
    async def read(call_id="call-1"):
        async with units.reading() as session:
            return await calls.find(session, call_id)

    return read


@pytest.fixture
async def known(with_station):
    await with_station(Registration.ACCEPTED)


@pytest.mark.usefixtures("known")
async def test_it_is_in_the_history_before_it_is_sent(announce, call):
    announced = await announce()
    assert (announced.verdict, announced.timeout_ms) == (CallAnnounced.VERDICT_RECORDED, 5000)
    row = await call()
    assert (row.state, row.outcome, row.origin, row.requested_by) == ("open", None, "transactions", "support")
    assert "1234" not in str(row.request)


@pytest.mark.usefixtures("known")
async def test_the_station_has_the_time_that_is_asked_for_or_configured(announce, units):
    async with units.open() as unit:
        (await stations.find(unit.session, "CS1")).message_timeout_s = 7
    assert (await announce("a")).timeout_ms == 7000
    assert (await announce("b", timeout_ms=1500)).timeout_ms == 1500


@pytest.mark.usefixtures("known")
async def test_what_is_not_going_to_be_sent_is_recorded_as_that(announce, call):
    await announce(not_connected=True)
    row = await call()
    assert (row.state, row.outcome, row.sent_at) == ("completed", "not_connected", None)


async def test_an_unknown_station(announce, call):
    assert (await announce()).verdict == CallAnnounced.VERDICT_UNKNOWN_STATION
    assert await call() is None


@pytest.mark.parametrize(
    ("registration", "verdict"),
    [
        (Registration.REJECTED, CallAnnounced.VERDICT_STATION_REJECTED),
        (Registration.PENDING, CallAnnounced.VERDICT_STATION_PENDING),
    ],
)
async def test_a_station_that_is_not_accepted(announce, call, with_station, registration, verdict):
    await with_station(registration)
    assert (await announce()).verdict == verdict
    assert await call() is None


@pytest.mark.usefixtures("known")
async def test_the_same_record_twice(apply, call):
    record = announcement(key="k")
    first, second = await apply(record), await apply(record)
    verdicts = [applied.replies[0].record.call_announced.verdict for applied in (first, second)]
    assert verdicts == [CallAnnounced.VERDICT_RECORDED] * 2
    assert (await call()).state == "open"


@pytest.mark.usefixtures("known")
async def test_a_repeat_gets_the_earlier_call(announce, apply, records):
    await announce("first", key="k", remote_start_id=5)
    announced = await announce("second", key="k", remote_start_id=6)
    assert announced.verdict == CallAnnounced.VERDICT_REPEAT
    assert (announced.earlier.command.correlation_id, announced.earlier.outcome) == ("first", 0)
    await apply(records.result("RequestStartTransaction", {}, {"status": "Accepted"}, call_id="first"))
    earlier = (await announce("third", key="k")).earlier
    assert (earlier.outcome, earlier.payload) == (Outcome.OUTCOME_RESULT, b'{"status":"Accepted"}')
    assert orjson.loads(earlier.command.payload)["remoteStartId"] == 5


@pytest.mark.usefixtures("known")
async def test_an_earlier_error_is_told_whole(announce, apply, records):
    await announce("first", key="k")
    await apply(records.result("RequestStartTransaction", {}, call_id="first", outcome=Outcome.OUTCOME_ERROR))
    error = (await announce("second", key="k")).earlier.error
    assert (error.code, error.description, error.details) == ("NotSupported", "no", b"{}")


@pytest.mark.usefixtures("known")
async def test_a_key_is_good_for_one_request(announce, call):
    await announce("first", key="k")
    other = {"idToken": "5678", "type": "KeyCode"}
    announced = await announce("second", key="k", token=other)
    assert announced.verdict == CallAnnounced.VERDICT_KEY_REUSED
    assert announced.earlier.command.correlation_id == "first"
    assert await call("second") is None


@pytest.mark.usefixtures("known")
async def test_what_nobody_waits_for_any_more_is_not_recorded(apply, call):
    applied = await apply(announcement(deadline_ms=now_ms() - 1))
    assert applied.replies == []
    assert await call() is None
