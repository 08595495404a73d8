"""Periodic event streams of OCPP 2.1: opened, adjusted, closed; their values are kept with their times."""
# ruff: noqa: PLR0917 - fixtures are the harness

import itertools

import pytest
from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.device_model.variable_key import VariableKey
from csms_device_mgmt.event_streams import stream_rows
from csms_device_mgmt.event_streams.stream_views import event_stream, stream_values
from csms_device_mgmt.event_streams.streams import timed_values
from csms_ocpp.times import parse_datetime
from csms_ocpp.validation import all_violations_request, validate_response
from csms_ocpp.versions import Protocol

V21 = "ocpp2.1"
T = "2026-01-01T00:00:00Z"
POWER = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
KEY = VariableKey.of(POWER["component"], POWER["variable"])
OPEN = {"constantStreamData": {"id": 1, "variableMonitoringId": 12, "params": {"interval": 5}}}
VALUES = {"id": 1, "pending": 3, "basetime": T, "data": [{"t": 0, "v": "7000"}, {"t": 1.5, "v": "7100"}]}
SET = {"setMonitoringData": [{"value": 1, "type": "Periodic", "severity": 8, **POWER}]}


@pytest.fixture
def tell(apply, records):
    """The station sends a message; returns the answer."""

    async def send(action, payload, *, is_valid=True):
        assert (all_violations_request(Protocol.OCPP21, action, payload) == []) is is_valid
        answer = (await apply(records.call(action, payload, protocol=V21))).answer
        assert validate_response(Protocol.OCPP21, action, answer) is None
        return answer

    return send


@pytest.fixture
def stream(apply, records):
    """Values come, which nobody answers."""

    async def send(payload, record=None):
        record = record or records.call("NotifyPeriodicEventStream", payload, protocol=V21)
        record.station_call.no_reply = True
        applied = await apply(record)
        assert applied.replies == []
        return record, applied

    return send


@pytest.fixture
def took(apply, records):
    """The station answers a command."""
    numbers = itertools.count()

    async def take(action, request, response):
        record = records.result(action, request, response, call_id=f"call-{next(numbers)}")
        record.command_result.command.protocol = V21
        await apply(record)

    return take


@pytest.fixture
def set_monitor(took):
    async def answer(status="Accepted", place=None):
        result = {"status": status, "type": "Periodic", "severity": 8, **(place or POWER)}
        await took("SetVariableMonitoring", SET, {"setMonitoringResult": [{"id": 12, **result}]})

    return answer


@pytest.fixture
def streams(units, station_id):
    async def read():
        async with units.reading() as session:
            return [event_stream(*row) for row in await stream_rows.streams(session, station_id)]

    return read


@pytest.fixture
def values(units, station_id):
    """The values of a stream by message, the newest first."""

    async def read(stream_id=1):
        every = {"since": None, "until": None, "limit": 10, "before": None}
        async with units.reading() as session:
            found = await stream_rows.values(session, station_id, stream_id=stream_id, **every)
        return [stream_values(row) for row in found.rows]

    return read


async def test_values_are_kept_with_their_times_and_the_last_is_the_variables_own(
    tell, stream, set_monitor, values, streams, units, station_id
):
    async with units.open() as unit:
        await variable_rows.store_values(unit.session, station_id, {KEY: "0"}, unit.now, 10)
    await set_monitor()
    assert await tell("OpenPeriodicEventStream", OPEN) == {"status": "Accepted"}
    _, applied = await stream(VALUES)
    assert applied.event_kinds == ["station_notified"]
    (message,) = await values()
    assert [(value.at, value.value) for value in message.values] == [
        (parse_datetime("2026-01-01T00:00:00Z"), "7000"),
        (parse_datetime("2026-01-01T00:00:01.5Z"), "7100"),
    ]
    assert {"component": message.component, "variable": message.variable} == POWER
    (shown,) = await streams()
    assert (shown.params, shown.pending, shown.closed_at) == ({"interval": 5}, 3, None)
    assert shown.last_values_at == message.received_at
    async with units.reading() as session:
        assert await variable_rows.values(session, station_id, [KEY]) == {KEY.path: "7100"}


async def test_the_same_record_twice_is_kept_once(tell, stream, values):
    await tell("OpenPeriodicEventStream", OPEN)
    record, _ = await stream(VALUES)
    _, again = await stream(VALUES, record)
    assert (len(await values()), again.event_kinds) == (1, [])


async def test_what_a_repeated_message_says_is_not_new(apply, records, stream, streams):
    """What came after it holds on."""
    opens = records.call("OpenPeriodicEventStream", OPEN, protocol=V21)
    await apply(opens)
    values_record, _ = await stream(VALUES)
    before = await streams()
    await apply(opens)
    await stream(VALUES, values_record)
    assert await streams() == before
    assert before[0].pending == 3


async def test_secrets_in_values_are_not_kept(tell, stream, values):
    await tell("OpenPeriodicEventStream", OPEN)
    await stream(VALUES | {"data": [{"t": 0, "v": "ftp://operator:s3cret@example.org/"}]})
    (message,) = await values()
    assert "s3cret" not in message.values[0].value


async def test_values_of_a_stream_that_was_not_opened_are_kept(stream, values):
    await stream(VALUES)
    (message,) = await values()
    assert (message.variable_monitoring_id, message.component, len(message.values)) == (None, None, 2)


async def test_values_of_secret_variables_are_not_kept(tell, stream, set_monitor, values):
    await set_monitor(place={"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}})
    await tell("OpenPeriodicEventStream", OPEN)
    _, applied = await stream(VALUES)
    assert (await values(), applied.event_kinds) == ([], [])


async def test_a_report_of_monitors_says_what_streams_bring(tell, streams):
    await tell("OpenPeriodicEventStream", OPEN)
    assert (await streams())[0].component is None
    monitor = {"id": 12, "transaction": False, "value": 1, "type": "Periodic", "severity": 8}
    monitor["eventNotificationType"] = "PreconfiguredMonitor"
    part = {"requestId": 4, "seqNo": 0, "generatedAt": T, "monitor": [{**POWER, "variableMonitoring": [monitor]}]}
    assert await tell("NotifyMonitoringReport", part) == {}
    assert (await streams())[0].component == POWER["component"]


async def test_monitors_that_the_station_did_not_take_are_none(tell, streams, set_monitor):
    await set_monitor("Rejected")
    await tell("OpenPeriodicEventStream", OPEN)
    assert (await streams())[0].component is None


@pytest.mark.parametrize(("status", "interval"), [("Accepted", 60), ("Rejected", 5)])
async def test_a_stream_is_adjusted_when_the_station_says_so(tell, took, streams, status, interval):
    await tell("OpenPeriodicEventStream", OPEN)
    await took("AdjustPeriodicEventStream", {"id": 1, "params": {"interval": 60}}, {"status": status})
    assert (await streams())[0].params == {"interval": interval}


async def test_a_closed_stream_may_be_opened_again(tell, streams):
    await tell("OpenPeriodicEventStream", OPEN)
    assert await tell("ClosePeriodicEventStream", {"id": 1}) == {}
    assert (await streams())[0].closed_at is not None
    await tell("OpenPeriodicEventStream", OPEN)
    assert (await streams())[0].closed_at is None


async def test_the_station_is_asked_which_streams_are_open(tell, took, streams):
    for number in (1, 2):
        await tell("OpenPeriodicEventStream", {"constantStreamData": {**OPEN["constantStreamData"], "id": number}})
    others = [{"id": number, "variableMonitoringId": 12, "params": {"values": 60}} for number in (2, 3)]
    await took("GetPeriodicEventStream", {}, {"constantStreamData": others})
    shown = await streams()
    assert [(found.stream_id, found.closed_at is None) for found in shown] == [(1, False), (2, True), (3, True)]
    assert shown[1].params == {"values": 60}


async def test_a_station_that_names_many_streams_costs_few_statements(took, streams):
    many = [{"id": number % 5000, "variableMonitoringId": 12, "params": {}} for number in range(20_000)]
    await took("GetPeriodicEventStream", {}, {"constantStreamData": many})
    assert [found.stream_id for found in await streams()] == list(range(stream_rows.MOST_STREAMS))


async def test_ids_that_cannot_be_kept(tell, stream, values):
    """Lenient gateways let them through."""
    constant = {"constantStreamData": {**OPEN["constantStreamData"], "id": 2**40}}
    assert (await tell("OpenPeriodicEventStream", constant, is_valid=False))["status"] == "Rejected"
    await tell("ClosePeriodicEventStream", {"id": 2**40}, is_valid=False)
    await stream(VALUES | {"id": 2**40, "pending": 2**40})
    assert await values() == []


async def test_a_station_has_so_many_at_most(tell, streams, monkeypatch):
    monkeypatch.setattr(stream_rows, "MOST_STREAMS", 2)
    for number in range(4):
        await tell("OpenPeriodicEventStream", {"constantStreamData": {**OPEN["constantStreamData"], "id": number}})
    assert [found.stream_id for found in await streams()] == [2, 3]
    await tell("ClosePeriodicEventStream", {"id": 3})
    await tell("OpenPeriodicEventStream", {"constantStreamData": {**OPEN["constantStreamData"], "id": 9}})
    assert [found.stream_id for found in await streams()] == [2, 9]


@pytest.mark.parametrize(("base", "offset"), [("9999-12-31T23:59:59Z", 86400), ("0001-01-01T00:00:00Z", -86400)])
def test_a_time_that_there_is_not_is_the_messages_own(base, offset):
    assert timed_values([{"t": offset, "v": "1"}], parse_datetime(base))[0]["at"][:19] == base[:19]


@pytest.mark.parametrize("offset", [1e300, -1e12])
def test_an_offset_that_makes_no_sense_is_none(offset):
    base = parse_datetime(T)
    assert timed_values([{"t": offset, "v": "1"}], base) == [{"at": "2026-01-01T00:00:00.000Z", "value": "1"}]
