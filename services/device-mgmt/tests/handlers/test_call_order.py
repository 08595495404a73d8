"""Orders of CALLs by services that hold no connections."""

from typing import Any

import orjson
import pytest
from csms.v1.station_pb2 import CallOrder, CommandResult, Outcome, StationCommand
from csms_bus.records import new_record
from csms_device_mgmt.domain.registration import Registration
from csms_device_mgmt.store import calls
from csms_runtime.clock import now_ms, to_ms

CHAIN = {"certificateChain": "-----BEGIN CERTIFICATE-----", "certificateType": "ChargingStationCertificate"}
RENEW = {"requestedMessage": "SignChargingStationCertificate"}


def order(call_id="order-1", action="CertificateSigned", payload: Any = CHAIN, **fields):
    raw = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    deadline_ms = fields.pop("deadline_ms", now_ms() + 60_000)
    body = CallOrder(call_id=call_id, action=action, payload=raw, origin="auth", deadline_ms=deadline_ms, **fields)
    return new_record("CS1", call_order=body)


def commands(applied) -> list[tuple[Any, StationCommand]]:
    return [
        ((item.topic, item.partition), item.record.station_command)
        for item in applied.told
        if item.record.HasField("station_command")
    ]


def results(applied) -> list[CommandResult]:
    told = [item for item in applied.told if item.record.HasField("command_result")]
    assert all(item.topic == "ocpp.results" and item.record.station_id == "CS1" for item in told)
    return [item.record.command_result for item in told]


@pytest.fixture
def call(units):
    async def read(call_id="order-1"):
        async with units.reading() as session:
            return await calls.find(session, call_id)

    return read


@pytest.fixture
async def connected(with_station, apply, records):
    await with_station()
    await apply(records.connection("c1", slot=3, epoch=100))


@pytest.mark.usefixtures("connected")
async def test_it_is_recorded_and_sent_on_the_stations_connection(apply, call):
    record = order()
    applied = await apply(record)
    assert applied.replies == []
    ((place, command),) = commands(applied)
    assert place == ("gateway.inbox", 3)
    assert (command.correlation_id, command.action, command.origin) == ("order-1", "CertificateSigned", "auth")
    assert (command.gateway_epoch, command.connection_id, command.protocol) == (100, "c1", "ocpp2.0.1")
    assert orjson.loads(command.payload) == CHAIN
    assert (command.timeout_ms, command.deadline_ms) == (5000, record.call_order.deadline_ms)
    assert results(applied) == []
    row = await call()
    assert (row.state, row.origin, row.requested_by, row.request) == ("open", "auth", "auth", CHAIN)
    assert to_ms(row.deadline_at) > record.call_order.deadline_ms + 5000  # the station may be asked that late


@pytest.mark.usefixtures("connected")
async def test_the_same_order_twice_is_one_call(apply):
    record = order()
    await apply(record)
    assert (await apply(record)).told == []


@pytest.mark.usefixtures("connected")
async def test_the_outcome_is_stored_like_any_other(apply, call, records):
    await apply(order())
    applied = await apply(
        records.result(
            "CertificateSigned", CHAIN, {"status": "Accepted"}, call_id="order-1", origin="auth", reply_topic=""
        )
    )
    assert applied.replies == []
    assert ((await call()).outcome, (await call()).response) == ("result", {"status": "Accepted"})


async def test_a_station_that_is_not_connected(apply, with_station, call):
    await with_station()
    applied = await apply(order())
    assert commands(applied) == []
    (result,) = results(applied)
    assert (result.outcome, result.command.correlation_id) == (Outcome.OUTCOME_NOT_CONNECTED, "order-1")
    assert (result.command.origin, result.command.action) == ("auth", "CertificateSigned")
    assert (await apply(order())).told == []
    assert (await apply(new_record("CS1", command_result=result))).replies == []
    assert (await call()).outcome == "not_connected"


async def test_an_unknown_station(apply):
    (result,) = results(await apply(order()))
    assert result.outcome == Outcome.OUTCOME_NOT_CONNECTED


@pytest.mark.usefixtures("connected")
async def test_too_late_to_be_sent(apply):
    applied = await apply(order(deadline_ms=now_ms() - 1))
    assert commands(applied) == []
    (result,) = results(applied)
    assert (result.outcome, result.sent_at_ms) == (Outcome.OUTCOME_TIMEOUT, 0)


@pytest.mark.usefixtures("connected")
async def test_without_a_deadline_it_waits_as_long_as_an_answer_may_take(apply):
    ((_, command),) = commands(await apply(order(deadline_ms=0)))
    assert 0 < command.deadline_ms - now_ms() <= 5000


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("CertificateSigned", {"certificateChain": 5}, "FormatViolation"),
        ("CertificateSigned", [], "FormatViolation"),
        ("CertificateSigned", b"{", "FormatViolation"),
        ("CertificateSigned", b"", "FormatViolation"),
        ("SetVariables", {"setVariableData": [{"attributeValue": "x"}]}, "FormatViolation"),
        ("TriggerMessage", {"requestedMessage": "StatusNotification"}, "FormatViolation"),
        ("BootNotification", {}, "NotImplemented"),
    ],
)
@pytest.mark.usefixtures("connected")
async def test_what_may_not_be_sent_becomes_an_error(apply, call, action, payload, code):
    applied = await apply(order(action=action, payload=payload))
    assert commands(applied) == []
    (result,) = results(applied)
    assert (result.outcome, result.error.code) == (Outcome.OUTCOME_ERROR, code)
    assert (await apply(order(action=action, payload=payload))).told == []
    assert (await apply(new_record("CS1", command_result=result))).told == []  # read again: nothing follows
    assert ((await call()).state, (await call()).outcome) == ("completed", "error")


@pytest.mark.parametrize(("registration", "sent"), [(Registration.PENDING, True), (Registration.REJECTED, False)])
@pytest.mark.parametrize(("action", "payload"), [("CertificateSigned", CHAIN), ("TriggerMessage", RENEW)])
async def test_registration(apply, records, with_station, registration, sent, action, payload):  # noqa: PLR0917 fixtures
    await with_station(registration)
    await apply(records.connection("c1"))
    applied = await apply(order(action=action, payload=payload))
    assert len(commands(applied)) == sent
    assert [result.error.code for result in results(applied)] == ([] if sent else ["SecurityError"])


@pytest.mark.usefixtures("connected")
async def test_secrets_are_not_kept(apply, call):
    element = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": "a-very-long-password",
    }
    await apply(order(action="SetVariables", payload={"setVariableData": [element]}))
    assert "a-very-long-password" not in str((await call()).request)
