"""Stations that answer our CALLs badly or not at all: nothing crashes, and the operator sees what happened."""

import pytest
from csms_testing.conformance import Transaction, shown
from csms_testing.conformance.requests import MINIMAL
from csms_testing.conformance.states import boot
from csms_testing.conformance.station import CALLRESULT
from csms_testing.conformance.tokens import id_token

SILENCE_S = 0.1
NO_ENUM = {"status": "Sideways"}
"""No message has this answer: its value is unknown, or the field itself."""


@pytest.fixture
async def plain(connect):
    """A connected station that the CSMS knows as accepted."""
    async with connect() as station:
        await boot(station)  # a CALL waits for the first boot of a new one
        yield station


def test_every_message_is_here():
    assert len(MINIMAL) == 40


@pytest.mark.parametrize("action", sorted(MINIMAL))
async def test_bad_answers(plain, station_id, operator, action):
    """Each answer comes over the connection that the one before has not broken."""
    request = MINIMAL[action]
    if action == "DeleteCertificate":
        await _installed(plain, operator, request["certificateHashData"])

    async with operator.calling(station_id, action, request) as refused:
        await plain.expect(action)
        await plain.answer_error("InternalError", "out of order")
    assert (refused.http_status, refused.outcome) == (200, "error")
    assert refused.body["error"].items() >= {"code": "InternalError", "description": "out of order"}.items()

    async with operator.calling(station_id, action, _again(request), timeout_s=SILENCE_S) as silent:
        await plain.expect(action)
        plain.stay_silent()
    assert (silent.http_status, silent.outcome) == (504, "timeout")

    async with operator.calling(station_id, action, _again(request, 2)) as nonsense:
        await plain.expect(action)
        await plain.answer(NO_ENUM, check_response=False)
    assert (nonsense.http_status, nonsense.outcome) == (200, "error")
    assert nonsense.body["error"]["details"] == {"answer": NO_ENUM}, "what the station said is to be seen"

    async with operator.calling(station_id, action, _again(request, 3)) as nothing:
        await plain.expect(action)
        await plain.answer({}, check_response=False)
    may_be_empty = action == "CostUpdated"
    assert (nothing.http_status, nothing.outcome) == (200, "result" if may_be_empty else "error")

    calls = await operator.items(f"/stations/{station_id}/calls")
    told = [pending.outcome for pending in (nothing, nonsense, silent, refused)]
    assert [call["outcome"] for call in calls[:4]] == told, "the history has what the callers were told"
    assert {call["state"] for call in calls} == {"completed"}


async def _installed(station, operator, hash_data):
    """The station names a certificate: none but those may be deleted (M04.FR.07)."""
    chain = [{"certificateType": "CSMSRootCertificate", "certificateHashData": hash_data}]
    async with operator.calling(station.station_id, "GetInstalledCertificateIds"):
        await station.reply("GetInstalledCertificateIds", {"status": "Accepted", "certificateHashDataChain": chain})


def _again(request, by=1):
    """The request with ids that are not used up."""
    return {name: value + by if name in {"requestId", "remoteStartId"} else value for name, value in request.items()}


async def test_late_and_repeated_answers(plain, station_id, operator):
    """An answer nobody waits for any more is not taken for the answer to the next CALL."""
    async with operator.calling(station_id, "GetLocalListVersion", timeout_s=SILENCE_S) as silent:
        await plain.expect("GetLocalListVersion")
        plain.stay_silent()
    assert silent.outcome == "timeout"
    async with operator.calling(station_id, "GetLocalListVersion") as pending:
        await plain.expect("GetLocalListVersion")
        await _answer_earlier(plain, 0, {"versionNumber": 1})
        await plain.answer({"versionNumber": 2})
        await _answer_earlier(plain, 1, {"versionNumber": 3})
    assert pending.response == {"versionNumber": 2}
    await plain.expect_nothing()


@pytest.mark.parametrize("frame", ['[3,"{id}"]', '[3,"{id}",null]', '[3,"{id}",[]]', '[4,"{id}"]'])
async def test_broken_answers(plain, station_id, operator, frame):
    """No answer is answered, and the connection goes on."""
    await _broken(plain, station_id, operator, frame)
    plain.assert_quiet()


@pytest.mark.parametrize("frame", ["[3]", "{{}}", "?", "[2]", "[]"])
async def test_broken_frames(connect, station_id, operator, frame):
    """The CSMS may complain (id -1), and the connection goes on."""
    async with connect(quiet=False) as station:
        await boot(station)
        await _broken(station, station_id, operator, frame)


async def _broken(station, station_id, operator, frame):
    async with operator.calling(station_id, "ClearCache", timeout_s=2) as pending:
        await station.expect("ClearCache")
        await station.socket.send(frame.format(id=station.received[-1].message_id))
        await station.answer({"status": "Accepted"})
    assert pending.outcome in {"result", "error"}
    async with operator.calling(station_id, "ClearCache") as pending:
        await station.reply("ClearCache", {"status": "Rejected"})
    assert pending.response == {"status": "Rejected"}


async def test_answers_of_unknown_codes(plain, station_id, operator):
    async with operator.calling(station_id, "ClearCache") as pending:
        await plain.expect("ClearCache")
        await plain.answer_error("OutOfCheese", "x" * 400)
    assert pending.body["error"]["code"] == "OutOfCheese"


async def test_connection_lost_while_a_call_is_open(plain, station_id, operator):
    async with operator.calling(station_id, "ClearCache") as pending:
        await plain.expect("ClearCache")
        await plain.socket.close()
    assert (pending.http_status, pending.outcome) == (504, "unknown")  # it may have done it
    assert (await shown.last_call(operator, station_id))["outcome"] == "unknown"


@pytest.mark.parametrize("way", ["error", "silence", "nonsense"])
async def test_bad_answers_to_remote_start(plain, station_id, operator, tokens, way):
    path, body = f"/stations/{station_id}/remote-start", {"id_token": id_token(tokens.valid), "evse_id": 1}
    async with operator.posting(path, body, timeout_s=SILENCE_S if way == "silence" else 5) as pending:
        await plain.expect("RequestStartTransaction")
        await _misbehave(plain, way)
    await _is_seen(operator, station_id, pending, way)
    assert await operator.items("/transactions", station_id=station_id) == []


@pytest.mark.parametrize("way", ["error", "silence", "nonsense"])
async def test_bad_answers_to_remote_stop(plain, station_id, operator, tokens, way):
    transaction = Transaction(plain, tokens.valid)
    await transaction.energy_transfer_started()
    seen = await shown.transaction(operator, transaction)
    path = f"/transactions/{seen['id']}/remote-stop"
    async with operator.posting(path, timeout_s=SILENCE_S if way == "silence" else 5) as pending:
        await plain.expect("RequestStopTransaction")
        await _misbehave(plain, way)
    await _is_seen(operator, station_id, pending, way)
    assert (await shown.transaction(operator, transaction))["state"] == "Active"


async def _misbehave(station, way):
    if way == "error":
        await station.answer_error("NotSupported")
    elif way == "silence":
        station.stay_silent()
    else:
        await station.answer(NO_ENUM, check_response=False)


async def _is_seen(operator, station_id, pending, way):
    outcome = "timeout" if way == "silence" else "error"
    assert (pending.http_status, pending.outcome) == (504 if way == "silence" else 200, outcome)

    async def call():
        items = await operator.items(f"/stations/{station_id}/calls")
        return items and items[0]["outcome"]

    assert await operator.eventually(call) == outcome, "device management keeps the history of all services' calls"


async def _answer_earlier(station, index, payload):
    """Answer an earlier CALL of the CSMS, whoever waits for it."""
    message_id = station.received[index].message_id
    await station.socket.send(f'[{CALLRESULT},"{message_id}",{{"versionNumber":{payload["versionNumber"]}}}]')
