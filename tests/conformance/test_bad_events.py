"""Stations that tell things twice, late, in reverse, not at all, or at impossible times: nothing is lost."""

import pytest
from csms_testing.conformance import CallRefusedError, Transaction, shown
from csms_testing.conformance.states import availability_event, status, status_notification
from csms_testing.conformance.station import now

EPOCH, FAR = "1970-01-01T00:00:00Z", "2099-12-31T23:59:59Z"
HUGE = 2**40
"""An integer to JSON, too large for the columns of a database."""


@pytest.fixture
def transaction(station, tokens):
    return Transaction(station, tokens.valid)


def reading(wh, context="Sample.Periodic", timestamp=None):
    return [{"timestamp": timestamp or now(), "sampledValue": [{"value": wh, "context": context}]}]


def whole(transaction, *, start=None, stop=None):
    """The four events of a transaction of 30 Wh."""
    events = [
        ("Started", "CablePluggedIn", {"meterValue": reading(100, "Transaction.Begin"), "timestamp": start or now()}),
        ("Updated", "MeterValuePeriodic", {"meterValue": reading(110)}),
        ("Updated", "MeterValuePeriodic", {"meterValue": reading(120)}),
        ("Ended", "EVDeparted", {"meterValue": reading(130, "Transaction.End"), "timestamp": stop or now()}),
    ]
    requests = []
    for seq_no, (event_type, reason, fields) in enumerate(events):
        transaction.seq_no = seq_no
        requests.append(transaction.request(event_type, reason, **fields))
    transaction.seq_no = len(requests)
    return requests


async def is_whole(operator, transaction):
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {"state": "Ended", "meter_start": 100, "meter_stop": 130, "energy_wh": 30}.items()
    return seen


@pytest.mark.parametrize("order", [(3, 2, 1, 0), (1, 3, 0, 2), (0, 3, 2, 1)])
async def test_order_does_not_matter(station, transaction, operator, order):
    requests = whole(transaction)
    for seq_no in order:
        assert await station.call("TransactionEvent", requests[seq_no]) == {}
    await is_whole(operator, transaction)
    assert len(await operator.items("/transactions", station_id=station.station_id)) == 1


async def test_gaps_are_shown_and_filled(station, transaction, operator):
    requests = whole(transaction)
    await station.call("TransactionEvent", requests[0])
    await station.call("TransactionEvent", requests[3])
    seen = await shown.listed(operator, transaction)
    assert seen.items() >= {"state": "Ended", "gaps": [{"first": 1, "last": 2}], "event_count": 2}.items()
    await station.call("TransactionEvent", requests[2])
    assert (await shown.listed(operator, transaction))["gaps"] == [{"first": 1, "last": 1}]
    await station.call("TransactionEvent", requests[1])
    await is_whole(operator, transaction)


async def test_a_transaction_without_its_start(station, transaction, operator):
    requests = whole(transaction)
    await station.call("TransactionEvent", requests[2])
    seen = await shown.listed(operator, transaction)
    assert seen.items() >= {"state": "Active", "started_missing": True, "gaps": [{"first": 0, "last": 1}]}.items()
    await station.call("TransactionEvent", requests[3])
    assert (await shown.listed(operator, transaction))["state"] == "Ended"


async def test_repeats_are_answered_alike_and_kept_once(station, transaction, operator, tokens):
    for request in whole(transaction):
        request["idToken"] = {"idToken": tokens.valid, "type": "ISO14443"}
        answers = [await station.call("TransactionEvent", request) for _ in range(3)]
        assert answers[0]["idTokenInfo"]["status"] == "Accepted"
        assert answers == [answers[0]] * 3
    await is_whole(operator, transaction)


async def test_one_message_id_twice(station, transaction, operator):
    """A station may repeat a CALL under its id; the repeat is answered like the first."""
    for request in whole(transaction):
        first = await station.call("TransactionEvent", request)
        station._sent -= 1
        assert await station.call("TransactionEvent", request) == first
    await is_whole(operator, transaction)


async def test_of_two_events_with_one_number_both_are_shown_and_the_first_counts(station, transaction, operator):
    requests = whole(transaction)
    for request in requests:
        await station.call("TransactionEvent", request)
    changed = {**requests[1], "meterValue": reading(999)}
    assert await station.call("TransactionEvent", changed) == {}
    seen = await shown.listed(operator, transaction)
    assert seen.items() >= {"state": "Ended", "energy_wh": 30, "event_count": 5, "conflicts": 1}.items()
    events = await shown.events(operator, seen)
    assert [event["payload"] for event in events] == [*requests[:2], changed, *requests[2:]]
    assert [event["conflict"] for event in events] == [False, False, True, False, False]


@pytest.mark.parametrize(("start", "stop"), [(EPOCH, FAR), (FAR, EPOCH), (EPOCH, EPOCH), (FAR, FAR)])
async def test_wrong_clocks_of_transactions(station, transaction, operator, start, stop):
    for request in whole(transaction, start=start, stop=stop):
        assert await station.call("TransactionEvent", request) == {}
    seen = await is_whole(operator, transaction)
    assert (seen["started_at"], seen["ended_at"]) == (start, stop), "as the station told it"
    received = [event["received_at"][:4] for event in await shown.events(operator, seen)]
    assert received == [now()[:4]] * 4, "and when it came"


async def test_wrong_clocks_of_statuses(station, station_id, operator):
    """What came last counts, for a clock may be set back."""
    for value, timestamp in (("Occupied", FAR), ("Reserved", now()), ("Faulted", EPOCH)):
        request = {**status_notification(value), "timestamp": timestamp}
        assert await station.call("StatusNotification", request) == {}
        assert await shown.connector(operator, station_id) == value
    event = availability_event("Available")
    event["generatedAt"] = event["eventData"][0]["timestamp"] = "0001-01-01T00:00:00Z"
    assert await station.call("NotifyEvent", event) == {}
    assert await shown.connector(operator, station_id) == "Available"


async def test_wrong_clocks_of_meter_values(station, station_id, operator):
    for timestamp in (EPOCH, FAR, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        request = {"evseId": 1, "meterValue": reading(1, timestamp=timestamp)}
        assert await station.call("MeterValues", request) == {}
    items = await operator.items(f"/stations/{station_id}/meter-values")
    assert [item["timestamp"][:4] for item in items] == ["9999", "2099", "1970", "0001"]


def _refusals(transaction):
    event = transaction.request("Started", "CablePluggedIn")
    return [
        ("TransactionEvent", {**event, "triggerReason": "Sideways"}),
        ("TransactionEvent", {name: value for name, value in event.items() if name != "seqNo"}),
        ("TransactionEvent", {**event, "seqNo": HUGE}),
        ("TransactionEvent", {**event, "evse": {"id": HUGE}}),
        ("TransactionEvent", {**event, "timestamp": "yesterday"}),
        ("TransactionEvent", {**event, "timestamp": "0001-01-01T00:00:00+14:00"}),
        ("MeterValues", {"evseId": HUGE, "meterValue": reading(1)}),
        ("MeterValues", {"evseId": 1, "meterValue": []}),
        ("StatusNotification", status_notification("Sideways")),
        ("StatusNotification", status_notification("Available", (HUGE, 1))),
        ("NotifyEvent", availability_event("Available", (1, HUGE))),
        ("NotifyEvent", availability_event("Sideways")),
        ("NotifyEvent", {**availability_event("Available"), "seqNo": HUGE}),
        ("NoSuchMessage", {}),
    ]


async def _code(station, action, request):
    """The code of the CALLERROR; None: it was taken."""
    try:
        await station.call(action, request, check_request=False)
    except CallRefusedError as refusal:
        return refusal.code
    return None


async def test_what_cannot_be_taken_harms_nothing_else(station, transaction, operator, station_id):
    """Each is answered, and what comes after it is handled."""
    codes = [await _code(station, action, request) for action, request in _refusals(transaction)]
    assert "InternalError" not in codes, codes
    assert await operator.items("/transactions", station_id=station_id) == []
    await status(station, "Occupied")
    assert await shown.connector(operator, station_id) == "Occupied"
    for request in whole(transaction):
        assert await station.call("TransactionEvent", request) == {}
    await is_whole(operator, transaction)
