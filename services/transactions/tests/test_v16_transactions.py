"""OCPP 1.6: StartTransaction, StopTransaction and MeterValues, from the bus to the database and the API."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from csms.v1.auth_pb2 import IdTokenInfo
from csms.v1.events_pb2 import DomainEvent, StationBooted
from csms.v1.station_pb2 import CallOrderVerdict, CommandResult, Outcome, RemoteStart, ReplyTo, StationCommand
from csms_bus import topics
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_runtime.clock import now_ms, to_ms, utcnow
from csms_transactions.closing import boots
from csms_transactions.domain import closing
from csms_transactions.store import given_ids, tables
from sqlalchemy import delete, func, select, update

T0 = datetime(2026, 1, 1, tzinfo=UTC)
V16 = "ocpp1.6"


def at(seconds: float) -> str:
    return (T0 + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


class Station:
    """Sends messages of OCPP 1.6; an answer that is an error fails the test."""

    def __init__(self, world: Any, station_id: str = "CS1") -> None:
        self._world = world
        self.station_id = station_id

    async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        reply = await self._world.gateway.call(self.station_id, action, payload, protocol=V16)
        assert reply.WhichOneof("outcome") == "payload", reply
        return orjson.loads(reply.payload)  # type: ignore[no-any-return]

    async def start(self, **fields: Any) -> dict[str, Any]:
        payload = {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": at(0)}
        return await self.call("StartTransaction", payload | fields)

    async def stop(self, transaction_id: int, **fields: Any) -> dict[str, Any]:
        payload = {"transactionId": transaction_id, "meterStop": 1600, "timestamp": at(3600)}
        return await self.call("StopTransaction", payload | fields)

    async def measure(self, seconds: float, value: str = "1300", **fields: Any) -> None:
        values = [{"timestamp": at(seconds), "sampledValue": [{"value": value}]}]
        assert await self.call("MeterValues", {"connectorId": 1, "meterValue": values} | fields) == {}


@pytest.fixture
def station(world):
    return Station(world)


async def items(api: Any, **query: Any) -> list[dict[str, Any]]:
    return (await api.get("/transactions", params=query)).json()["items"]  # type: ignore[no-any-return]


async def test_a_whole_session(world, api, station):
    begun = await station.start(reservationId=4)
    number = begun["transactionId"]
    assert begun["idTagInfo"] == {"status": "Accepted"}
    assert 0 < number < 2**31
    await station.measure(60, transactionId=number)
    assert await station.stop(number, idTag="tag", reason="EVDisconnected") == {"idTagInfo": {"status": "Accepted"}}
    (shown,) = await items(api)
    told = ("transaction_id", "state", "evse_id", "connector_id", "stopped_reason", "reservation_id", "id_token")
    assert [shown[name] for name in told] == [str(number), "Ended", 1, 1, "EVDisconnected", 4, "TAG"]
    told = ("meter_start", "meter_stop", "energy_wh", "energy_quality", "event_count", "gaps", "started_missing")
    assert [shown[name] for name in told] == [1000, 1600, 600, "measured", 2, [], False]
    events = (await api.get(f"/transactions/{shown['id']}/events")).json()["items"]
    assert [(event["event_type"], event["protocol"]) for event in events] == [("Started", V16), ("Ended", V16)]
    values = (await api.get(f"/transactions/{shown['id']}/meter-values")).json()["items"]
    assert sorted(value["meter_value"]["sampledValue"][0]["value"] for value in values) == ["1000", "1300", "1600"]
    assert await world.told(2) == ["transaction_started", "transaction_ended"]


async def test_a_repeat_gets_the_same_id_also_hours_later_and_under_another_message_id(api, station):
    first = await station.start()
    assert await station.start() == first
    await station.stop(first["transactionId"])
    assert await station.start(idTag="tag ") == first
    assert await station.stop(first["transactionId"]) == {}
    (shown,) = await items(api)
    assert (shown["state"], shown["energy_wh"]) == ("Ended", 600)


async def test_repeats_in_one_batch_get_one_id(api, station):
    answers = await asyncio.gather(*(station.start() for _ in range(10)))
    assert len({answer["transactionId"] for answer in answers}) == 1
    assert len(await items(api)) == 1


async def test_many_stations_get_different_ids(world):
    stations = [Station(world, f"CS{number}") for number in range(20)]
    answers = await asyncio.gather(*(station.start() for station in stations))
    assert len({answer["transactionId"] for answer in answers}) == 20


async def test_the_id_is_the_same_although_the_event_was_not_stored(world, api, station):
    """A process died between the two commits: the record is read again."""
    number = (await station.start())["transactionId"]
    async with world.database.transaction() as session:
        for table in (tables.transactions, tables.transaction_events, tables.authorizations):
            await session.execute(delete(table))
    world.service._writer._cache.forget(list(world.service._writer._cache._known))
    assert (await station.start())["transactionId"] == number
    assert [shown["transaction_id"] for shown in await items(api)] == [str(number)]


async def test_a_database_that_was_restored_gives_the_same_ids_again(world):
    dialect, now = world.database.dialect, utcnow()
    async with world.database.transaction() as session:
        first = await given_ids.of(session, dialect, ["a", "b"], now)
        await session.execute(delete(tables.given_ids))
        again = await given_ids.of(session, dialect, ["c", "b", "a"], now + timedelta(hours=1))
    assert {"a": again["a"], "b": again["b"]} == first
    assert len(set(again.values())) == 3
    assert all(given_ids.LEAST <= number < 2**31 for number in again.values())


async def test_an_id_that_another_transaction_has_is_not_given(world, monkeypatch):
    monkeypatch.setattr(given_ids, "candidate", lambda _, attempt: 1 + attempt)
    async with world.database.transaction() as session:
        dialect, now = world.database.dialect, utcnow()
        first = await given_ids.of(session, dialect, ["b", "a"], now)
        again = await given_ids.of(session, dialect, ["c", "a"], now)
    assert (first, again) == ({"a": 1, "b": 2}, {"a": 1, "c": 3})


@pytest.mark.parametrize(
    ("status", "told"),
    [("Blocked", "Blocked"), ("Expired", "Expired"), ("Unknown", "Invalid"), ("NoCredit", "Blocked")],
)
async def test_a_refused_token_gets_an_id_all_the_same(world, api, station, status, told):
    world.auth.tokens["TAG"] = IdTokenInfo(status=status)
    answer = await station.start()
    assert answer["idTagInfo"] == {"status": told}
    assert await station.stop(answer["transactionId"], reason="DeAuthorized") == {}
    (shown,) = await items(api)
    assert (shown["transaction_id"], shown["stopped_reason"]) == (str(answer["transactionId"]), "DeAuthorized")


async def test_a_token_that_charges_elsewhere_is_concurrent(world, api, station):
    world.auth.tokens["TAG"] = IdTokenInfo(
        status="Accepted", concurrent_tx_limit=1, token_key="tag", id_token_type="ISO14443"
    )
    assert (await station.start())["idTagInfo"]["status"] == "Accepted"
    other = await Station(world, "CS2").start(timestamp=at(5))
    assert other["idTagInfo"]["status"] == "ConcurrentTx"
    assert other["transactionId"] > 0
    # It counts with what a station of OCPP 2.0.1 says, which names the type.
    event = world.event(0, "Started", "tx-201", token="TAG")
    assert (await world.gateway.tell(event, "CS3"))["idTokenInfo"]["status"] == "ConcurrentTx"
    (shown,) = await items(api, station_id="CS1")
    assert (shown["id_token"], shown["id_token_type"]) == ("TAG", "ISO14443")


async def test_without_a_decision_the_station_asks_again_and_the_id_is_kept(world, station):
    world.auth.silent = True
    payload = {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": at(0)}
    reply = await world.gateway.call("CS1", "StartTransaction", payload, protocol=V16)
    assert reply.error.code == "InternalError"
    world.auth.silent = False
    assert (await station.start())["idTagInfo"]["status"] == "Accepted"


@pytest.mark.parametrize("number", [-1, 0, 5000])
async def test_a_stop_with_an_id_that_we_never_gave_is_answered_and_kept(api, station, number):
    assert await station.stop(number) == {}
    assert await station.stop(number) == {}
    assert await station.stop(number, timestamp=at(7200), idTag="TAG") == {"idTagInfo": {"status": "Accepted"}}
    shown = await items(api)
    assert [found["transaction_id"] for found in shown] == [
        f"{number}@{at(7200)[:-1]}.000Z",
        f"{number}@{at(3600)[:-1]}.000Z",
    ]
    assert {(found["state"], found["started_missing"], found["event_count"]) for found in shown} == {("Ended", True, 1)}


async def test_a_stop_of_another_stations_transaction_does_not_touch_it(world, api, station):
    number = (await station.start())["transactionId"]
    assert await Station(world, "CS2").stop(number) == {}
    assert [found["state"] for found in await items(api, station_id="CS1")] == ["Active"]
    (other,) = await items(api, station_id="CS2")
    assert (other["state"], other["started_missing"]) == ("Ended", True)


async def test_a_stop_that_is_told_otherwise_the_second_time(api, station):
    number = (await station.start())["transactionId"]
    await station.stop(number)
    assert await station.stop(number, meterStop=1700, timestamp=at(3700), reason="PowerLoss") == {}
    (shown,) = await items(api)
    assert (shown["state"], shown["conflicts"], shown["event_count"]) == ("Ended", 1, 3)


async def test_meter_values_by_their_id_and_by_their_place(api, station):
    number = (await station.start())["transactionId"]
    await station.measure(60, transactionId=number, connectorId=0)  # a station that names the id alone
    await station.measure(120, "1400")  # no id: a transaction goes on there
    await station.measure(180, "1500", transactionId=0)
    await station.measure(240, "1550", transactionId=4242)
    await station.measure(240, "1550", transactionId=4242)
    await station.measure(300, "9000", connectorId=2)  # elsewhere
    (shown,) = await items(api)
    assert (shown["meter_stop"], shown["energy_wh"]) == (1550, 550)
    values = (await api.get(f"/transactions/{shown['id']}/meter-values")).json()["items"]
    assert len([value for value in values if value["seq_no"] is None]) == 4


async def test_meter_values_before_the_answer_to_the_start(api, station):
    await station.measure(10, "1010")
    await station.measure(20, "1020", transactionId=-1)
    number = (await station.start())["transactionId"]
    await station.stop(number)
    (shown,) = await items(api)
    assert (shown["energy_wh"], shown["energy_quality"]) == (600, "measured")
    values = (await api.get(f"/transactions/{shown['id']}/meter-values")).json()["items"]
    assert len([value for value in values if value["seq_no"] is None]) == 2


async def test_meter_values_of_a_transaction_that_another_process_has_changed(world, api, station):
    """A rebalance: what this process remembers of it is out of date. It reads it then."""
    number = (await station.start())["transactionId"]
    await station.measure(10, "1010", transactionId=number)
    revision = tables.transactions.c.revision
    async with world.database.transaction() as session:
        await session.execute(update(tables.transactions).values(revision=revision + 1))
    await station.measure(20, "1020", transactionId=number)
    await station.measure(30, "1030", transactionId=number)
    (shown,) = await items(api)
    assert (shown["meter_stop"], shown["energy_wh"]) == (1030, 30)
    values = (await api.get(f"/transactions/{shown['id']}/meter-values")).json()["items"]
    assert len([value for value in values if value["seq_no"] is None]) == 3


async def test_late_meter_values_count_and_those_of_another_time_do_not(api, station):
    number = (await station.start())["transactionId"]
    await station.stop(number, meterStop=0)  # the register was gone
    await station.measure(1800, "1500", transactionId=number)
    await station.measure(7200, "9999", transactionId=number)
    (shown,) = await items(api)
    assert (shown["energy_wh"], shown["energy_quality"]) == (500, "estimated")
    values = (await api.get(f"/transactions/{shown['id']}/meter-values")).json()["items"]
    assert len([value for value in values if value["seq_no"] is None]) == 2


async def test_transaction_data_is_shown_and_told_twice_does_no_harm(api, station):
    number = (await station.start())["transactionId"]
    await station.measure(60, "1100", transactionId=number)
    data = [
        {"timestamp": at(60), "sampledValue": [{"value": "1100"}]},
        {"timestamp": at(3600), "sampledValue": [{"value": "1.6", "unit": "kWh", "context": "Transaction.End"}]},
    ]
    await station.stop(number, transactionData=data)
    (shown,) = await items(api)
    assert (shown["energy_wh"], shown["energy_quality"]) == (600, "measured")


async def test_a_remote_start_is_tied_by_place_and_token(world, api, station):
    await world.connect(protocol=V16)
    body = {"id_token": {"idToken": "TAG", "type": "ISO14443"}, "evse_id": 1}
    asking = asyncio.create_task(api.post("/stations/CS1/remote-start", json=body))
    command = await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
    assert (command.action, orjson.loads(command.payload)) == (
        "RemoteStartTransaction",
        {"idTag": "TAG", "connectorId": 1},
    )
    answer = (await asking).json()
    assert (answer["action"], answer["response"]) == ("RemoteStartTransaction", {"status": "Accepted"})
    other = await station.start(connectorId=2)
    mine = await station.start(idTag="tag")
    again = await station.start(idTag="tag", timestamp=at(9))  # the request is used up
    found = {shown["transaction_id"]: shown["remote_start_id"] for shown in await items(api)}
    assert found == {
        str(mine["transactionId"]): answer["remote_start_id"],
        str(other["transactionId"]): None,
        str(again["transactionId"]): None,
    }


def raw_start(call_id: str = "raw-1", **fields: Any) -> Outgoing:
    """What device-mgmt tells before it sends a RemoteStartTransaction that was asked for as a call."""
    usual = {"call_id": call_id, "evse_id": 1, "id_token": "TAG", "action": "RemoteStartTransaction"}
    start = RemoteStart(reply_to=ReplyTo(topic=topics.DEVICES_INBOX.name), requested_at_ms=now_ms(), **(usual | fields))
    return Outgoing(topics.TRANSACTIONS_STARTS.name, new_record("CS1", remote_start=start))


async def requests(world: Any) -> list[Any]:
    async with world.database.reading() as session:
        return list(await session.execute(tables.remote_requests.select()))


async def test_a_remote_start_as_a_call_is_tied_as_the_helpers_is(world, api, station):
    await world.bus.publish([raw_start(), raw_start()])

    async def noted() -> list[Any]:
        return await requests(world)

    await world.eventually(noted)
    (request,) = await requests(world)
    assert (request.action, request.evse_id, request.remote_start_id > 0) == ("RemoteStartTransaction", 1, True)
    await station.start(idTag="tag")
    (shown,) = await items(api)
    assert shown["remote_start_id"] == request.remote_start_id


async def test_a_remote_start_as_a_call_that_the_station_refused_starts_nothing(world, api, station):
    await world.bus.publish([raw_start()])
    await world.eventually(lambda: requests(world))
    command = StationCommand(correlation_id="raw-1", protocol=V16, action="RemoteStartTransaction", payload=b"{}")
    refused = CommandResult(
        command=command, outcome=Outcome.OUTCOME_RESULT, payload=b'{"status":"Rejected"}', completed_at_ms=now_ms()
    )
    await world.bus.publish([Outgoing(topics.RESULTS.name, new_record("CS1", command_result=refused))])

    async def is_refused() -> bool:
        (request,) = await requests(world)
        return bool(request.status == "Rejected")

    await world.eventually(is_refused)
    await station.start()
    assert [shown["remote_start_id"] for shown in await items(api)] == [None]


async def test_a_repeated_remote_start_has_the_first_ones_id(world, api):
    await world.connect(protocol=V16)
    body = {"id_token": {"idToken": "TAG", "type": "ISO14443"}, "evse_id": 1}
    asking = asyncio.create_task(api.post("/stations/CS1/remote-start", json=body))
    command = await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
    first = (await asking).json()
    world.devices.verdict = CallOrderVerdict.VERDICT_REPEAT
    world.devices.earlier = CommandResult(
        command=command, outcome=Outcome.OUTCOME_RESULT, payload=b'{"status":"Accepted"}', completed_at_ms=1
    )
    again = (await api.post("/stations/CS1/remote-start", json=body)).json()
    names = ("call_id", "remote_start_id", "response", "action")
    assert [again[name] for name in names] == [first[name] for name in names]


async def test_a_token_that_we_made_for_a_remote_start_is_accepted(world, api, station):
    await world.connect(protocol=V16)
    world.auth.tokens["WEB-1"] = IdTokenInfo(status="Unknown")
    body = {"id_token": {"idToken": "WEB-1", "type": "Central"}}
    asking = asyncio.create_task(api.post("/stations/CS1/remote-start", json=body))
    await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
    await asking
    assert (await station.start(idTag="WEB-1"))["idTagInfo"] == {"status": "Accepted"}
    (shown,) = await items(api)
    assert (shown["id_token"], shown["id_token_type"]) == ("WEB-1", "Central")
    assert (await station.start(idTag="WEB-1", timestamp=at(9)))["idTagInfo"] == {"status": "Invalid"}


async def test_what_1_6_can_not_do_is_said(world, api):
    await world.connect(protocol=V16)
    body = {
        "id_token": {"idToken": "T" * 21, "type": "ISO14443"},
        "group_id_token": {"idToken": "G", "type": "Central"},
    }
    answer = await api.post("/stations/CS1/remote-start", json=body)
    assert answer.status_code == 422
    pointers = [error["pointer"] for error in answer.json()["errors"]]
    assert pointers == ["/id_token/idToken", "/group_id_token"]


async def test_a_remote_stop_by_its_number(world, api, station):
    await world.connect(protocol=V16)
    number = (await station.start())["transactionId"]
    (shown,) = await items(api)
    asking = asyncio.create_task(api.post(f"/transactions/{shown['id']}/remote-stop"))
    command = await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Rejected"})
    assert (command.action, orjson.loads(command.payload)) == ("RemoteStopTransaction", {"transactionId": number})
    assert (await asking).json()["response"] == {"status": "Rejected"}


async def boot(world: Any, when: datetime) -> None:
    booted = DomainEvent(station_id="CS1", occurred_at_ms=to_ms(when), station_booted=StationBooted(reason=""))
    await world.bus.publish([Outgoing(topics.EVENTS_DEVICES.name, new_record("CS1", event=booted))])


async def test_after_a_boot_a_station_that_can_not_be_asked_gets_time(world, api, station, monkeypatch):
    monkeypatch.setattr(boots, "BOOT_DELAY", timedelta(0))
    await world.connect(protocol=V16)
    await station.start()
    await boot(world, utcnow())

    async def asked() -> int:
        async with world.database.reading() as session:
            return (await session.scalar(select(func.max(tables.status_checks.c.asked)))) or 0

    await world.eventually(asked)
    assert [shown["state"] for shown in await items(api)] == ["Active"]
    monkeypatch.setattr(closing, "SILENCE", timedelta(0))
    last_boot = utcnow()
    await boot(world, last_boot)

    async def is_noted() -> bool:
        async with world.database.reading() as session:
            noted_at = await session.scalar(select(tables.status_checks.c.noted_at))
            # None: it was due meanwhile, and the transaction is closed
            return noted_at is None or bool(abs(noted_at - last_boot) < timedelta(milliseconds=1))

    await world.eventually(is_noted)  # the last boot is the one that counts
    async with world.database.transaction() as session:
        await session.execute(tables.status_checks.update().values(due_at=utcnow()))
    world.service._checks.wake()

    async def is_closed() -> bool:
        (shown,) = await items(api)
        return (shown["state"], shown["close_reason"]) == ("Ended", "StationBooted")

    await world.eventually(is_closed)


async def test_a_station_that_measures_no_energy_goes_on_after_its_boot(world, api, station, monkeypatch):
    monkeypatch.setattr(boots, "BOOT_DELAY", timedelta(0))
    monkeypatch.setattr(closing, "SILENCE", timedelta(0))
    await world.connect(protocol=V16)
    number = (await station.start())["transactionId"]
    boot_at = utcnow()
    power = [{"value": "7000", "measurand": "Power.Active.Import", "unit": "W"}]
    message = {"timestamp": at(60), "sampledValue": power}
    request = {"connectorId": 1, "transactionId": number, "meterValue": [message]}
    await station.call("MeterValues", request)
    await boot(world, boot_at)

    async def is_forgotten() -> bool:
        async with world.database.reading() as session:
            return (await session.scalar(select(func.count()).select_from(tables.status_checks))) == 0

    await world.eventually(is_forgotten)
    assert [shown["state"] for shown in await items(api)] == ["Active"]


async def test_another_transaction_on_the_connector_ends_the_one_before(world, api, station):
    await world.connect(protocol=V16)
    first = (await station.start())["transactionId"]
    await station.start(timestamp=at(60), meterStart=1200)

    async def is_closed() -> bool:
        (shown,) = await items(api, transaction_id=str(first))
        return bool(shown["close_reason"] == "OtherTransactionOnEvse")

    await world.eventually(is_closed)
    assert await station.stop(first) == {}
    (shown,) = await items(api, transaction_id=str(first))
    assert (shown["stopped_reason"], shown["energy_wh"]) == ("Local", 600)


def test_silence_decides_where_nobody_can_be_asked():
    says = closing.StationSays(T0 + timedelta(minutes=5), can_say=False)
    boot_at, evidence = T0, closing.Evidence.BOOT
    before, after = T0 - timedelta(minutes=1), T0 + timedelta(minutes=1)
    assert closing.verdict(evidence, says, before, boot_at).ask_again
    assert closing.verdict(evidence, says, after, boot_at) == closing.Verdict()
    later = closing.StationSays(T0 + closing.SILENCE, can_say=False)
    assert closing.verdict(evidence, later, before, boot_at).close == closing.CloseReason.BOOT
    other = closing.verdict(closing.Evidence.OTHER_ON_EVSE, says, before, boot_at)
    assert other.close == closing.CloseReason.OTHER_ON_EVSE


async def test_an_order_says_each_versions_form(world, api):
    await world.connect()
    body = {"id_token": {"idToken": "TAG", "type": "ISO14443"}}
    asking = asyncio.create_task(api.post("/stations/CS1/remote-start", json=body))
    command = await world.gateway.answer(Outcome.OUTCOME_RESULT, {"status": "Accepted"})
    assert command.action == "RequestStartTransaction"
    assert (await asking).json()["action"] == "RequestStartTransaction"
    (order,) = [each for each in world.devices.ordered if each.action]
    assert [form.action for form in order.forms] == ["RemoteStartTransaction"]
