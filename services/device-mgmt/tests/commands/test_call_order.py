"""Orders of CALLs by other services: device-mgmt is the only sender."""

from typing import Any

import orjson
import pytest
from csms.v1.station_pb2 import CallForm, CallOrder, CallOrderVerdict, CommandResult, Outcome, ReplyTo, StationCommand
from csms_bus.flow import Never
from csms_bus.records import new_record
from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.commands.command import Target
from csms_device_mgmt.commands.outcomes import result_of
from csms_runtime.clock import from_ms, now_ms, to_ms

CHAIN = {"certificateChain": "-----BEGIN CERTIFICATE-----", "certificateType": "ChargingStationCertificate"}
RENEW = {"requestedMessage": "SignChargingStationCertificate"}


def order(call_id="order-1", action="CertificateSigned", payload: Any = CHAIN, **fields):
    raw = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    deadline_ms = fields.pop("deadline_ms", now_ms() + 60_000)
    origin = fields.pop("origin", "auth")
    body = CallOrder(call_id=call_id, action=action, payload=raw, origin=origin, deadline_ms=deadline_ms, **fields)
    return new_record("CS1", call_order=body)


def commands(applied) -> list[tuple[Any, StationCommand]]:
    return [
        ((item.topic, item.partition), item.record.station_command)
        for item in [*applied.replies, *applied.told]
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
            return await call_rows.find(session, call_id)

    return read


@pytest.fixture
async def connected(with_station, apply, records):
    await with_station()
    await apply(records.connection("c1", slot=3, epoch=100))


@pytest.mark.usefixtures("connected")
async def test_it_is_recorded_and_sent_on_the_stations_connection(apply, call):
    record = order()
    applied = await apply(record)
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
async def test_the_same_order_twice_is_one_call_with_one_target(apply, records, call):
    """Its process may have died between commit and publishing; the gateway sends the command once."""
    record = order()
    ((_, first),) = commands(await apply(record))
    await apply(records.connection("c2", slot=4, epoch=200))
    again = await apply(record)
    ((place, second),) = commands(again)
    assert again.told == []
    assert (place[1], second.correlation_id, second.connection_id) == (3, first.correlation_id, "c1")
    await apply(records.result("CertificateSigned", CHAIN, {"status": "Accepted"}, call_id="order-1"))
    assert commands(await apply(record)) == []
    assert (await call()).outcome == "result"


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


def given_back(records, change):
    """The order of another connection, as a gateway says that it could not send it."""
    return records.result(
        "CertificateSigned",
        CHAIN | change,
        outcome=Outcome.OUTCOME_NOT_CONNECTED,
        sent=False,
        call_id="order-1",
        origin="auth",
        target=Target(3, 100, "c1", ord("1")),
    )


@pytest.mark.usefixtures("connected")
async def test_it_follows_the_station(apply, records):
    await apply(order())
    await apply(records.connection("c2", slot=4, epoch=200))
    followed = commands(await apply(given_back(records, {})))
    assert [(place, command.connection_id) for place, command in followed] == [(("gateway.inbox", 4), "c2")]


@pytest.mark.parametrize("change", [{"certificateChain": "another"}, {"certificateType": "V2G"}])
@pytest.mark.usefixtures("connected")
async def test_it_follows_the_station_only_as_it_was_ordered(apply, records, call, change):
    """A gateway that was taken over must not command a station that is on another one."""
    await apply(order())
    await apply(records.connection("c2", slot=4, epoch=200))
    with pytest.raises(Never):
        await apply(given_back(records, change))
    assert (await call()).state == "open"


START = {"remoteStartId": 7, "idToken": {"idToken": "TAG", "type": "ISO14443"}}
ASKER = ReplyTo(topic="transactions.inbox", partition=5)


def start(call_id="start-1", remote_start_id=7, **fields):
    defaults = {
        "origin": "transactions",
        "requested_by": "support",
        "reply_to": ASKER,
        "correlation_id": f"verdict-{call_id}",
        "protocols": ["ocpp2.0.1", "ocpp2.1"],
    }
    payload = fields.pop("payload", {**START, "remoteStartId": remote_start_id})
    return order(call_id, "RequestStartTransaction", payload, **(defaults | fields))


def verdict(applied) -> CallOrderVerdict:
    (told,) = [item for item in applied.replies if item.record.HasField("call_order_verdict")]
    assert (told.topic, told.partition) == ("transactions.inbox", 5)
    return told.record.call_order_verdict


class TestSomebodyWaits:
    @pytest.mark.usefixtures("connected")
    async def test_the_verdict_goes_with_the_command(self, apply, call):
        applied = await apply(start(timeout_ms=2000))
        assert (verdict(applied).correlation_id, verdict(applied).verdict) == (
            "verdict-start-1",
            CallOrderVerdict.VERDICT_RECORDED,
        )
        ((_, command),) = commands(applied)
        assert (command.reply_to, command.origin, command.timeout_ms) == (ASKER, "transactions", 2000)
        assert verdict(applied).timeout_ms == 2000
        row = await call("start-1")
        assert (row.requested_by, row.target_slot, row.target_connection_id) == ("support", 3, "c1")

    async def test_without_connection_the_outcome_comes_as_every_other(self, apply, with_station, call):
        await with_station()
        applied = await apply(start(idempotency_key="k"))
        assert verdict(applied).verdict == CallOrderVerdict.VERDICT_RECORDED
        (result,) = results(applied)
        passed_on = (await apply(new_record("CS1", command_result=result))).replies
        assert [(item.topic, item.partition) for item in passed_on] == [("transactions.inbox", 5)]
        assert ((await call("start-1")).outcome, (await call("start-1")).idempotency_key) == ("not_connected", None)

    @pytest.mark.parametrize(
        ("registration", "expected"),
        [
            (Registration.PENDING, CallOrderVerdict.VERDICT_STATION_PENDING),
            (Registration.REJECTED, CallOrderVerdict.VERDICT_STATION_REJECTED),
        ],
    )
    async def test_registration(self, apply, with_station, call, registration, expected):
        await with_station(registration)
        assert verdict(await apply(start())).verdict == expected
        assert await call("start-1") is None

    async def test_an_unknown_station(self, apply):
        applied = await apply(start())
        assert verdict(applied).verdict == CallOrderVerdict.VERDICT_UNKNOWN_STATION
        assert applied.told == []

    async def test_a_station_of_another_version(self, apply, with_station, records, call):
        await with_station()
        await apply(records.connection("c1", protocol="ocpp1.6"))
        told = verdict(await apply(start()))
        assert (told.verdict, told.protocol) == (CallOrderVerdict.VERDICT_OTHER_PROTOCOL, "ocpp1.6")
        assert await call("start-1") is None

    async def test_the_form_of_the_stations_version_is_sent(self, apply, with_station, records, call):
        await with_station()
        await apply(records.connection("c1", protocol="ocpp1.6"))
        ours = orjson.dumps({"idTag": "TAG"})
        forms = [
            CallForm(protocols=["ocpp2.1"], action="RequestStartTransaction", payload=b"{}"),
            CallForm(protocols=["ocpp1.6"], action="RemoteStartTransaction", payload=ours),
        ]
        applied = await apply(start(forms=forms))
        ((_, command),) = commands(applied)
        assert (command.protocol, command.action, command.payload) == ("ocpp1.6", "RemoteStartTransaction", ours)
        told = verdict(applied)
        assert (told.verdict, told.protocol) == (CallOrderVerdict.VERDICT_RECORDED, "ocpp1.6")
        assert (await call("start-1")).action == "RemoteStartTransaction"

    @pytest.mark.usefixtures("connected")
    async def test_without_a_form_of_its_own_a_version_gets_the_first(self, apply):
        forms = [CallForm(protocols=["ocpp1.6"], action="RemoteStartTransaction", payload=b"{}")]
        ((_, command),) = commands(await apply(start(forms=forms)))
        assert (command.protocol, command.action) == ("ocpp2.0.1", "RequestStartTransaction")

    @pytest.mark.usefixtures("connected")
    async def test_a_repeat_gets_the_earlier_call(self, apply, records):
        await apply(start(idempotency_key="k"))
        repeat = await apply(start("start-2", 8, idempotency_key="k"))
        assert commands(repeat) == []
        assert verdict(repeat).verdict == CallOrderVerdict.VERDICT_REPEAT
        earlier = verdict(repeat).earlier
        assert (earlier.command.correlation_id, earlier.outcome) == ("start-1", Outcome.OUTCOME_UNSPECIFIED)
        await apply(records.result("RequestStartTransaction", START, {"status": "Accepted"}, call_id="start-1"))
        again = verdict(await apply(start("start-3", 9, idempotency_key="k")))
        assert (again.earlier.outcome, again.earlier.payload) == (Outcome.OUTCOME_RESULT, b'{"status":"Accepted"}')
        other = {**START, "evseId": 2}
        reused = verdict(await apply(start("start-4", payload=other, idempotency_key="k")))
        assert reused.verdict == CallOrderVerdict.VERDICT_KEY_REUSED

    @pytest.mark.parametrize(
        ("outcome", "was_sent"),
        [
            (Outcome.OUTCOME_NOT_CONNECTED, False),
            (Outcome.OUTCOME_TIMEOUT, False),
            (Outcome.OUTCOME_TIMEOUT, True),
            (Outcome.OUTCOME_ERROR, False),
            (Outcome.OUTCOME_ERROR, True),
            (Outcome.OUTCOME_UNKNOWN, True),
            (Outcome.OUTCOME_UNKNOWN, False),
        ],
    )
    @pytest.mark.usefixtures("connected")
    async def test_a_repeat_sends_anew_only_what_never_was_sent(self, apply, records, outcome, was_sent):
        await apply(start(idempotency_key="k"))
        await apply(
            records.result(
                "RequestStartTransaction",
                START,
                outcome=outcome,
                sent=was_sent,
                call_id="start-1",
                target=Target(3, 100, "c1", ord("1")),
            )
        )
        is_free = not was_sent and outcome != Outcome.OUTCOME_UNKNOWN
        assert len(commands(await apply(start("start-2", 8, idempotency_key="k")))) == is_free

    async def test_a_station_that_may_be_connecting_is_given_time(self, apply, with_station, records, call):
        """Nothing is recorded, so that the same order is carried out when it comes again."""
        await with_station()
        waiting = start(connecting_until_ms=now_ms() + 10_000, idempotency_key="k")
        applied = await apply(waiting)
        assert verdict(applied).verdict == CallOrderVerdict.VERDICT_NOT_CONNECTED_YET
        assert (applied.told, await call("start-1")) == ([], None)
        await apply(records.connection("c1", slot=3, epoch=100))
        carried_out = await apply(waiting)
        assert verdict(carried_out).verdict == CallOrderVerdict.VERDICT_RECORDED
        assert [command.connection_id for _, command in commands(carried_out)] == ["c1"]
        await apply(records.connection("c1", is_open=False, slot=3, epoch=100))
        again = await apply(waiting)  # read again: it is recorded, and stays one call
        assert verdict(again).verdict == CallOrderVerdict.VERDICT_RECORDED

    async def test_a_station_boots_first(self, apply, with_station, records):
        """As with a call through /calls: until it is accepted, it may refuse what it is asked (B01)."""
        await with_station()
        await apply(records.connection("c1", slot=3, epoch=100))
        waiting = start(booting_until_ms=now_ms() + 10_000)
        assert verdict(await apply(waiting)).verdict == CallOrderVerdict.VERDICT_NOT_CONNECTED_YET
        late = start("start-2", 8, booting_until_ms=now_ms() - 1)
        assert verdict(await apply(late)).verdict == CallOrderVerdict.VERDICT_RECORDED

    async def test_a_station_that_has_booted_just_now_gets_its_answer_first(self, apply, with_station, records):
        just = now_ms()
        await with_station(registration_status="Accepted", booted_at=from_ms(just))
        await apply(records.connection("c1", slot=3, epoch=100))
        waiting = start(booting_until_ms=just + 10_000)
        verdicts = [verdict(await apply(waiting)).verdict]
        while verdicts[-1] != CallOrderVerdict.VERDICT_RECORDED:
            verdicts.append(verdict(await apply(waiting)).verdict)
        assert now_ms() - just >= 100

    async def test_the_time_to_connect_ends(self, apply, with_station):
        await with_station()
        applied = await apply(start(connecting_until_ms=now_ms() - 1))
        assert verdict(applied).verdict == CallOrderVerdict.VERDICT_RECORDED
        assert [result.outcome for result in results(applied)] == [Outcome.OUTCOME_NOT_CONNECTED]

    async def test_a_repeat_of_a_station_that_is_gone_gets_the_earlier_call(self, apply, with_station, records):
        await with_station()
        await apply(records.connection("c1", slot=3, epoch=100))
        await apply(start(idempotency_key="k"))
        await apply(records.connection("c1", is_open=False, slot=3, epoch=100))
        repeat = await apply(start("start-2", 8, idempotency_key="k", connecting_until_ms=now_ms() + 10_000))
        assert verdict(repeat).verdict == CallOrderVerdict.VERDICT_REPEAT

    @pytest.mark.usefixtures("connected")
    async def test_an_outcome_that_never_came_names_the_connection_it_was_for(self, apply, call):
        await apply(start())
        command = result_of(await call("start-1")).command
        assert (command.gateway_epoch, command.connection_id, command.connection_number) == (100, "c1", ord("1"))
