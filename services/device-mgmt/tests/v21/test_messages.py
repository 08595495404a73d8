"""What stations of OCPP 2.1 tell that those of 2.0.1 do not."""
# ruff: noqa: PLR0917 - fixtures are the harness

import itertools

import pytest
from csms.v1.station_pb2 import OUTCOME_ERROR
from csms_device_mgmt.consumers import HANDLERS
from csms_device_mgmt.monitoring import notification_rows
from csms_device_mgmt.payment.receipts import receipt_url
from csms_device_mgmt.reports import report_rows
from csms_device_mgmt.reports.series import DER_CONTROLS
from csms_device_mgmt.smart_charging import dynamic_schedule_rows
from csms_ocpp.validation import all_violations_request, validate_response
from csms_ocpp.versions import VERSIONS, Protocol
from csms_runtime import passwords

V21 = "ocpp2.1"
T = "2026-01-01T00:00:00Z"
ELSEWHERE = {
    "Authorize", "SignCertificate", "Get15118EVCertificate", "GetCertificateStatus", "GetCertificateChainStatus",
    "TransactionEvent", "MeterValues",
}  # fmt: skip
TOKEN = {"idToken": "TAG", "type": "ISO14443"}
MESSAGES = {
    "BatterySwap": {
        "eventType": "BatteryIn",
        "requestId": 1,
        "idToken": TOKEN,
        "batteryData": [{"evseId": 1, "serialNumber": "B1", "soC": 20.5, "soH": 98}],
    },
    "ClosePeriodicEventStream": {"id": 1},
    "NotifyDERAlarm": {"controlType": "VoltWatt", "gridEventFault": "OverVoltage", "timestamp": T},
    "NotifyDERStartStop": {"controlId": "c-1", "started": True, "timestamp": T},
    "NotifyPriorityCharging": {"transactionId": "tx-1", "activated": True},
    "NotifySettlement": {"pspRef": "p", "status": "Settled", "settlementAmount": 12.5, "settlementTime": T},
    "OpenPeriodicEventStream": {"constantStreamData": {"id": 1, "variableMonitoringId": 2, "params": {"interval": 5}}},
    "PullDynamicScheduleUpdate": {"chargingProfileId": 3},
    "VatNumberValidation": {"vatNumber": "NL001234567B01", "evseId": 1},
}
ANSWERS = {
    "NotifySettlement": {"receiptUrl": "https://pay.example.com/p"},
    "OpenPeriodicEventStream": {"status": "Accepted"},
    "PullDynamicScheduleUpdate": {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"}},
    "VatNumberValidation": {
        "vatNumber": "NL001234567B01",
        "evseId": 1,
        "status": "Rejected",
        "statusInfo": {"reasonCode": "NotFound", "additionalInfo": "The VAT number is not registered here"},
    },
}


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"receipt_url": "https://pay.example.com/{psp_ref}"})


@pytest.fixture
def shown(units, station_id):
    """What is recorded of the station, the newest first."""

    async def read():
        async with units.reading() as session:
            rows = (await notification_rows.page(session, station_id, limit=10, before=None))[0]
        return [(row.action, row.payload) for row in rows]

    return read


def test_every_message_is_handled_here_or_by_another_service():
    sent = {name for name, action in VERSIONS[Protocol.OCPP21].actions.items() if action.from_station}
    assert {action for protocol, action in HANDLERS if protocol == V21} == sent - ELSEWHERE
    assert set(MESSAGES) <= sent


@pytest.mark.parametrize("action", sorted(MESSAGES))
async def test_new_messages_are_recorded_and_answered(apply, records, shown, action):
    payload = MESSAGES[action]
    assert all_violations_request(Protocol.OCPP21, action, payload) == []
    applied = await apply(records.call(action, payload, protocol=V21))
    assert applied.answer == ANSWERS.get(action, {})
    assert validate_response(Protocol.OCPP21, action, applied.answer) is None
    assert (await shown(), applied.event_kinds) == ([(action, payload)], ["station_notified"])


async def test_a_vat_number_without_an_evse(apply, records):
    answer = (await apply(records.call("VatNumberValidation", {"vatNumber": "X"}, protocol=V21))).answer
    assert (answer["vatNumber"], answer["status"], "evseId" in answer) == ("X", "Rejected", False)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "Rejected"),
        ({"controlMode": "DynamicControl"}, "NoChargingProfile"),
        ({"v2xChargingParameters": {}}, "NoChargingProfile"),
    ],
)
async def test_without_a_schedule_the_word_depends_on_the_vehicle(apply, records, fields, status):
    """K15.FR.04 and K18.FR.04."""
    needs = {"evseId": 1, "chargingNeeds": {"requestedEnergyTransfer": "AC_single_phase", **fields}}
    assert all_violations_request(Protocol.OCPP21, "NotifyEVChargingNeeds", needs) == []
    assert (await apply(records.call("NotifyEVChargingNeeds", needs, protocol=V21))).answer == {"status": status}


# ---- Receipts --------------------------------------------------------------------------------------------------------
SETTLED = MESSAGES["NotifySettlement"]


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "https://pay.example.com/p/?tx="),
        ({"pspRef": "ref/1 ä", "transactionId": "tx&1"}, "https://pay.example.com/ref%2F1%20%C3%A4/?tx=tx%261"),
        ({"status": "Canceled"}, None),
        ({"receiptUrl": "https://terminal.example.com/1"}, None),
        ({"pspRef": "€" * 255}, None),  # more than OCPP can carry
    ],
)
def test_a_receipt_of_ours_has_an_address(fields, url):
    assert receipt_url("https://pay.example.com/{psp_ref}/?tx={transaction_id}", SETTLED | fields) == url
    assert receipt_url("", SETTLED | fields) is None


# ---- Dynamic schedules -----------------------------------------------------------------------------------------------
def profile(kind="Dynamic", **period):
    found = {"startPeriod": 0, "limit": 7000, "setpoint_L2": 5, "phaseToUse": 1, "numberPhases": 1, **period}
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [found]}
    purpose = {"chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": kind}
    return {"evseId": 1, "chargingProfile": {"id": 3, "stackLevel": 0, **purpose, "chargingSchedule": [schedule]}}


UPDATE = {"chargingProfileId": 3, "scheduleUpdate": {"limit": 3000}}
REJECTED = ANSWERS["PullDynamicScheduleUpdate"]


@pytest.fixture
def pull(apply, records):
    """What the station is told when it asks."""

    async def ask(profile_id=3):
        record = records.call("PullDynamicScheduleUpdate", {"chargingProfileId": profile_id}, protocol=V21)
        answer = (await apply(record)).answer
        assert validate_response(Protocol.OCPP21, "PullDynamicScheduleUpdate", answer) is None
        return answer

    return ask


@pytest.fixture
def took(apply, records):
    """The station answers a command."""
    numbers = itertools.count()

    async def take(action, request, status="Accepted", *, is_valid=True):
        assert (all_violations_request(Protocol.OCPP21, action, request) == []) is is_valid
        record = records.result(action, request, {"status": status}, call_id=f"call-{next(numbers)}")
        record.command_result.command.protocol = V21
        await apply(record)

    return take


async def test_a_station_that_asks_is_told_what_it_was_told_last(pull, took):
    await took("SetChargingProfile", profile())
    assert await pull() == {"status": "Accepted", "scheduleUpdate": {"limit": 7000, "setpoint_L2": 5}}
    await took("UpdateDynamicSchedule", UPDATE)
    assert await pull() == {"status": "Accepted", "scheduleUpdate": {"limit": 3000}}
    assert await pull(4) == REJECTED


async def test_what_a_station_did_not_take_it_is_not_told(pull, took):
    await took("SetChargingProfile", profile(), "Rejected")
    assert await pull() == REJECTED


@pytest.mark.parametrize(
    ("action", "request_"),
    [("SetChargingProfile", profile("Relative")), ("ClearChargingProfile", {"chargingProfileId": 3})],
)
async def test_a_profile_that_is_not_dynamic_any_more(pull, took, action, request_):
    await took("SetChargingProfile", profile())
    await took(action, request_)
    assert await pull() == REJECTED


async def test_profiles_that_are_cleared_by_criteria_change_nothing(pull, took):
    await took("UpdateDynamicSchedule", UPDATE)
    await took("ClearChargingProfile", {"chargingProfileCriteria": {"evseId": 1}})
    assert (await pull())["status"] == "Accepted"


@pytest.mark.parametrize("profile_id", [2**31, -(2**31) - 1, 2**40])
async def test_ids_that_no_profile_can_have(pull, took, profile_id):
    await took("UpdateDynamicSchedule", UPDATE | {"chargingProfileId": profile_id}, is_valid=False)
    assert await pull(profile_id) == REJECTED


async def test_a_station_has_so_many_at_most(pull, took, monkeypatch):
    monkeypatch.setattr(dynamic_schedule_rows, "MOST", 2)
    for number in range(4):
        await took("UpdateDynamicSchedule", UPDATE | {"chargingProfileId": number})
    assert [(await pull(number))["status"] for number in range(4)].count("Accepted") == 2


# ---- DER controls ----------------------------------------------------------------------------------------------------
CURVE = {
    "id": "c-1",
    "curveType": "VoltWatt",
    "isDefault": True,
    "isSuperseded": False,
    "curve": {"priority": 0, "yUnit": "PctMaxW", "curveData": [{"x": 1, "y": 2}]},
}
GRADIENT = {"id": "g-1", "gradient": {"priority": 0, "gradient": 1, "softGradient": 2}}


@pytest.fixture
def report(units, station_id):
    async def read():
        async with units.reading() as session:
            row = await report_rows.find(session, station_id, 1, message=DER_CONTROLS.message)
            numbers = [seq_no for seq_no, _ in await report_rows.part_numbers(session, row)]
            return row.status, await report_rows.entries(session, row, numbers)

    return read


async def test_der_controls_come_in_parts_and_twice(apply, records, report):
    first = {"requestId": 1, "tbc": True, "curve": [CURVE, CURVE | {"id": "c-2"}]}
    for part in (first, first, {"requestId": 1, "gradient": [GRADIENT]}):
        assert all_violations_request(Protocol.OCPP21, "ReportDERControl", part) == []
        assert (await apply(records.call("ReportDERControl", part, protocol=V21))).answer == {}
    status, entries = await report()
    assert status == "complete"
    assert entries == [{"curve": CURVE}, {"curve": CURVE | {"id": "c-2"}}, {"gradient": GRADIENT}]


@pytest.mark.parametrize(
    ("response", "status"),
    [("Accepted", "accepted"), ("NotFound", "empty"), ("NotSupported", "not_supported"), ("Rejected", "rejected")],
)
async def test_what_a_station_answers_when_it_is_asked_for_them(
    apply, records, units, station_id, report, response, status
):
    async with units.open() as unit:
        await report_rows.begin(
            unit.session, station_id, 1, message=DER_CONTROLS.message, kind=None, call_id="call-1", now=unit.now
        )
    record = records.result("GetDERControl", {"requestId": 1}, {"status": response})
    record.command_result.command.protocol = V21
    await apply(record)
    assert await report() == (status, [])


# ---- The password in a network profile -------------------------------------------------------------------------------
def network_profile(password):
    data = {
        "ocppInterface": "Wired0",
        "ocppTransport": "JSON",
        "messageTimeout": 30,
        "ocppCsmsUrl": "wss://csms.example.com/ocpp",
        "securityProfile": 1,
        "identity": "CS1",
        "basicAuthPassword": password,
    }
    return {"configurationSlot": 1, "connectionData": data}


def told(applied, secret_key, password):
    """Whether auth was told that the password is one, or is none any more."""
    digest = passwords.digest(secret_key, "CS1", password.encode())
    taken = any(admission.password_digest == digest for admission in applied.admissions)
    return taken, any(admission.dropped_password_digest == digest for admission in applied.admissions)


@pytest.mark.parametrize("status", ["Rejected", "Failed", None])
async def test_a_password_of_a_profile_that_was_refused_is_dropped(apply, records, with_station, secret_key, status):
    await with_station(security_profile=1)
    request = network_profile("a-password-of-the-profile")
    assert all_violations_request(Protocol.OCPP21, "SetNetworkProfile", request) == []
    answer = {"status": status} if status else None
    outcome = {} if status else {"outcome": OUTCOME_ERROR}
    record = records.result("SetNetworkProfile", request, answer, **outcome)
    record.command_result.command.protocol = V21
    assert told(await apply(record), secret_key, "a-password-of-the-profile") == (False, True)


async def test_a_password_of_a_profile_that_was_taken_waits_for_the_station(apply, records, with_station, secret_key):
    await with_station(security_profile=1)
    record = records.result("SetNetworkProfile", network_profile("a-password-of-the-profile"), {"status": "Accepted"})
    record.command_result.command.protocol = V21
    assert told(await apply(record), secret_key, "a-password-of-the-profile") == (False, False)
