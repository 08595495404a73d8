import asyncio

import pytest
from csms.v1.station_pb2 import CallError, Outcome
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.requests import NotAsked, Requester
from csms_bus.topics import CALLS_DEVICES
from csms_device_mgmt.commands.execution import CallExecution
from csms_device_mgmt.commands.room import MOST_OF_STATION
from csms_device_mgmt.settings import DeviceSettings
from csms_runtime.heavy import HEAVY_BYTES
from csms_runtime.settings import UnknownStations

RESET = {"type": "OnIdle"}


async def test_the_stations_answer_is_returned(api, gateway, connected):
    answer = await api.post(f"/stations/{connected}/calls/Reset", json=RESET)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {
        "call_id",
        "station_id",
        "action",
        "outcome",
        "response",
        "error",
        "sent_at",
        "completed_at",
    }
    assert (body["outcome"], body["response"], body["error"]) == ("result", {"status": "Accepted"}, None)
    assert (body["station_id"], body["action"]) == (connected, "Reset")
    assert body["sent_at"].endswith("Z")
    assert body["completed_at"].endswith("Z")
    assert gateway.sent == [("Reset", RESET)]


async def test_the_outcome_is_in_the_history_when_the_answer_arrives(api, connected):
    body = (await api.post(f"/stations/{connected}/calls/Reset", json=RESET)).json()
    call = (await api.get(f"/calls/{body['call_id']}")).json()
    assert {name: call[name] for name in body} == body
    assert (call["state"], call["request"], call["protocol"]) == ("completed", RESET, "ocpp2.0.1")
    assert (call["origin"], call["requested_by"], call["id"]) == ("device-mgmt", "admin", call["call_id"])


async def test_the_command_names_the_connection(api, gateway, connected):
    await api.post(f"/stations/{connected}/calls/Reset", json=RESET, params={"timeout_s": 2})
    (command,) = gateway.commands
    assert (command.gateway_epoch, command.connection_id, command.origin) == (gateway.epoch, "c1", "device-mgmt")
    assert (command.timeout_ms, command.protocol) == (2000, "ocpp2.0.1")


async def test_a_call_error_is_an_answer(api, gateway, connected):
    gateway.respond = lambda _action, _payload: "NotSupported"
    answer = await api.post(f"/stations/{connected}/calls/Reset", json=RESET)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["outcome"], body["response"]) == ("error", None)
    assert body["error"] == {"code": "NotSupported", "description": "no", "details": {}, "source": "station"}


async def test_an_answer_that_was_refused_is_no_call_error_of_the_station(api, gateway, connected):
    gateway.source = CallError.SOURCE_CSMS
    gateway.respond = lambda _action, _payload: "FormatViolation"
    body = (await api.post(f"/stations/{connected}/calls/Reset", json=RESET)).json()
    assert (body["outcome"], body["error"]["code"], body["error"]["source"]) == ("error", "FormatViolation", "csms")


@pytest.mark.parametrize("written", [b"1.0", b"1e0", b"10.0e-1"])
async def test_an_integer_reaches_the_station_as_one_however_it_is_written(api, gateway, connected, written):
    body = b'{"type": "Immediate", "evseId": %s}' % written
    headers = {"Content-Type": "application/json"}
    answer = await api.post(f"/stations/{connected}/calls/Reset", content=body, headers=headers)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "result")
    assert gateway.commands[0].payload == b'{"type":"Immediate","evseId":1}'


async def test_an_integer_reaches_a_station_of_1_6_as_one(api, gateway, connected, eventually):
    await gateway.connect(connected, "c2", protocol="ocpp1.6")

    async def is_16():
        return (await api.get(f"/stations/{connected}")).json()["protocol"] == "ocpp1.6"

    await eventually(is_16)
    gateway.respond = lambda _action, _payload: {"status": "Unlocked"}
    answer = await api.post(f"/stations/{connected}/calls/UnlockConnector", json={"connectorId": 1.0})
    assert (answer.status_code, gateway.commands[0].payload) == (200, b'{"connectorId":1}')


async def test_a_fraction_stays_one(api, gateway, connected):
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0.0, "limit": 16.5}]}
    profile = {
        "id": 7.0,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
    }
    body = {"evseId": 1, "chargingProfile": profile}
    answer = await api.post(f"/stations/{connected}/calls/SetChargingProfile", json=body)
    assert answer.status_code == 200, answer.text
    assert b'"startPeriod":0,"limit":16.5' in gateway.commands[0].payload
    assert b'"id":7,' in gateway.commands[0].payload


async def test_how_a_number_is_written_makes_no_other_request(api, gateway, connected):
    key = {"Idempotency-Key": "numbers"}
    first = await api.post(f"/stations/{connected}/calls/Reset", json={"type": "Immediate", "evseId": 1.0}, headers=key)
    assert (first.status_code, first.json()["outcome"]) == (200, "result")
    again = await api.post(f"/stations/{connected}/calls/Reset", json={"evseId": 1, "type": "Immediate"}, headers=key)
    assert again.json() == first.json()
    assert len(gateway.sent) == 1


@pytest.mark.parametrize(("told", "outcome"), [(None, "unknown"), (Outcome.OUTCOME_TIMEOUT, "timeout")])
async def test_no_answer_is_504(api, gateway, connected, told, outcome):
    gateway.respond = lambda _action, _payload: told
    answer = await api.post(f"/stations/{connected}/calls/Reset", json=RESET, params={"timeout_s": 0.05})
    assert answer.status_code == 504
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["outcome"], body["station_id"], body["action"]) == (outcome, connected, "Reset")
    assert (await api.get(f"/calls/{body['call_id']}")).json()["outcome"] == outcome


async def test_late_answer_is_recorded(api, gateway, connected, eventually):
    gateway.respond = lambda _action, _payload: None
    body = (await api.post(f"/stations/{connected}/calls/Reset", json=RESET, params={"timeout_s": 0.05})).json()
    late = new_record(connected, station_command=gateway.commands[0])
    await gateway.result(late, {"status": "Rejected"})

    async def recorded():
        call = (await api.get(f"/calls/{body['call_id']}")).json()
        return call["outcome"] == "result" and call["response"] == {"status": "Rejected"}

    await eventually(recorded)


async def test_not_connected_is_409_and_recorded(api, gateway, station_id):
    await api.put(f"/stations/{station_id}", json={})
    answer = await api.post(f"/stations/{station_id}/calls/Reset", json=RESET)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["outcome"], body["station_id"], body["action"]) == ("not_connected", station_id, "Reset")
    assert (await api.get(f"/calls/{body['call_id']}")).json()["outcome"] == "not_connected"
    assert gateway.sent == []


async def test_a_call_that_may_have_reached_the_station_is_unknown_and_not_sent_again(api, gateway, connected):
    gateway.respond = lambda _action, _payload: Outcome.OUTCOME_UNKNOWN
    await gateway.connect(connected, "c2")
    answer = await api.post(f"/stations/{connected}/calls/Reset", json=RESET)
    body = answer.json()
    assert (answer.status_code, body["outcome"]) == (504, "unknown")
    assert body["sent_at"] is not None
    assert (await api.get(f"/calls/{body['call_id']}")).json()["outcome"] == "unknown"
    assert len(gateway.commands) == 1


async def test_what_there_is_no_room_to_wait_for_is_refused_and_never_sent(api, gateway, connected, monkeypatch):
    def full(_self, _correlation_id):
        raise NotAsked("10000 questions are open already")

    with monkeypatch.context() as patch:
        patch.setattr(Requester, "expect", full)
        answer = await api.post(f"/stations/{connected}/calls/Reset", json=RESET, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["title"]) == (503, "Too many calls")
    assert "was not sent" in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) > 0
    (call,) = (await api.get(f"/stations/{connected}/calls")).json()["items"]
    assert (call["state"], call["outcome"], call["sent_at"]) == ("completed", "not_connected", None)
    assert gateway.sent == []
    repeat = await api.post(f"/stations/{connected}/calls/Reset", json=RESET, headers={"Idempotency-Key": "k"})
    assert (repeat.status_code, repeat.json()["outcome"]) == (200, "result")


async def test_a_station_that_does_not_answer_has_a_bound_and_others_are_served(api, gateway, connected, eventually):
    await gateway.connect("CS2")
    gateway.respond = lambda _action, _payload: None
    reset = f"/stations/{connected}/calls/Reset?timeout_s=600"

    async def full():
        return len(gateway.commands) == MOST_OF_STATION

    silent = [asyncio.create_task(api.post(reset, json=RESET)) for _ in range(MOST_OF_STATION)]
    try:
        await eventually(full)
        refused = await api.post(reset, json=RESET)
        assert (refused.status_code, refused.json()["title"]) == (429, "Too many calls of this station")
        assert int(refused.headers["retry-after"]) > 0
        gateway.respond = lambda _action, _payload: {"status": "Accepted"}
        assert (await api.post("/stations/CS2/calls/Reset", json=RESET)).status_code == 200
    finally:
        for task in silent:
            task.cancel()
        await asyncio.gather(*silent, return_exceptions=True)


async def test_large_calls_are_prepared_one_after_the_other(api, gateway, connected, monkeypatch):
    """A small one comes in between."""
    at_once, most, begin = 0, 0, CallExecution._begin

    async def counted(self, request, *args, **kwargs):
        nonlocal at_once, most
        is_large = request.action == "DataTransfer"
        at_once += is_large
        most = max(most, at_once)
        try:
            return await begin(self, request, *args, **kwargs)
        finally:
            at_once -= is_large

    monkeypatch.setattr(CallExecution, "_begin", counted)
    large = {"vendorId": "V", "data": "x" * HEAVY_BYTES}
    posts = [api.post(f"/stations/{connected}/calls/DataTransfer", json=large) for _ in range(5)]
    answers = await asyncio.gather(*posts, api.post(f"/stations/{connected}/calls/Reset", json=RESET))
    assert {answer.status_code for answer in answers} == {200}
    assert (most, len(gateway.sent)) == (1, 6)


async def test_a_station_that_connects_while_it_is_asked_is_sent_the_call(api, gateway, station_id, monkeypatch):
    monkeypatch.setattr("csms_device_mgmt.commands.execution.CONNECTING_S", 10)
    await api.put(f"/stations/{station_id}", json={})
    asked = asyncio.create_task(api.post(f"/stations/{station_id}/calls/Reset", json={"type": "OnIdle"}))
    await gateway.connect(station_id)
    answer = await asked
    assert (answer.status_code, answer.json()["outcome"]) == (200, "result")


@pytest.fixture
def boot(bus, records):
    async def publish():
        record = records.boot()
        record.station_call.reply_to.partition = 0
        await bus.publish([Outgoing(CALLS_DEVICES.name, record)])

    return publish


async def test_a_call_before_a_new_stations_first_boot_waits_for_it(api, gateway, connected, boot, monkeypatch):
    monkeypatch.setattr("csms_device_mgmt.commands.execution.FIRST_BOOT_S", 10)
    replies = []

    def respond(_action, _payload):
        replies.append(gateway.replies)
        return {"status": "Accepted"}

    looks = asyncio.Queue()
    patience = CallExecution._patience_s

    async def looked(*arguments):
        found = await patience(*arguments)
        looks.put_nowait(found)
        return found

    monkeypatch.setattr(CallExecution, "_patience_s", looked)
    gateway.respond = respond
    asked = asyncio.create_task(api.post(f"/stations/{connected}/calls/Reset", json=RESET))
    async with asyncio.timeout(10):
        for _ in range(2):  # it found that it is to wait, and looked again
            assert await looks.get() > 0
    assert gateway.sent == []
    await boot()
    assert (await asked).json()["outcome"] == "result"
    assert replies == [1]  # the boot was answered first
    assert (await api.post(f"/stations/{connected}/calls/Reset", json=RESET)).json()["outcome"] == "result"


async def test_what_asks_for_the_boot_does_not_wait_for_it(api, connected, monkeypatch):
    monkeypatch.setattr("csms_device_mgmt.commands.execution.FIRST_BOOT_S", 600)
    wanted = {"requestedMessage": "BootNotification"}
    answer = await api.post(f"/stations/{connected}/calls/TriggerMessage", json=wanted)
    assert answer.json()["outcome"] == "result"


async def test_a_station_that_does_not_boot_is_sent_the_call_in_the_end(api, connected, monkeypatch):
    monkeypatch.setattr("csms_device_mgmt.commands.execution.FIRST_BOOT_S", 0.1)
    answer = await api.post(f"/stations/{connected}/calls/Reset", json=RESET)
    assert answer.json()["outcome"] == "result"


START = {"remoteStartId": 7, "idToken": {"idToken": "Start-1", "type": "Central"}, "evseId": 2}


async def test_transactions_is_told_of_a_remote_start_before_the_station(api, gateway, connected, transactions):
    told = []

    def respond(_action, _payload):
        told.extend(transactions.noted)
        return {"status": "Accepted"}

    gateway.respond = respond
    answer = await api.post(f"/stations/{connected}/calls/RequestStartTransaction", json=START)
    (start,) = told
    assert (start.call_id, start.remote_start_id, start.evse_id) == (answer.json()["call_id"], 7, 2)
    assert (start.id_token, start.id_token_type) == ("Start-1", "Central")


async def test_a_key_code_is_not_told(api, connected, transactions):
    code = {"idToken": {"idToken": "4711-0815", "type": "KeyCode"}}
    await api.post(f"/stations/{connected}/calls/RequestStartTransaction", json=START | code)
    (start,) = transactions.noted
    assert (start.id_token, start.id_token_type) == ("***", "KeyCode")


@pytest.mark.parametrize("fields", [{"remoteStartId": 2**40}, {"evseId": 2**40}, {"remoteStartId": -(2**70)}])
async def test_ids_that_no_station_has_are_not_told(api, connected, transactions, fields):
    await api.post(f"/stations/{connected}/calls/RequestStartTransaction", json=START | fields)
    assert transactions.noted == []


async def test_while_transactions_is_away_stations_are_started_all_the_same(api, connected, transactions):
    transactions.silent = True
    answer = await api.post(f"/stations/{connected}/calls/RequestStartTransaction", json=START)
    assert (answer.json()["outcome"], len(transactions.noted)) == ("result", 1)


async def test_a_connection_that_is_gone_is_not_connected(api, gateway, connected):
    gateway.respond = lambda _action, _payload: Outcome.OUTCOME_NOT_CONNECTED
    answer = await api.post(f"/stations/{connected}/calls/Reset", json=RESET)
    assert (answer.status_code, answer.json()["outcome"]) == (409, "not_connected")
    assert len(gateway.commands) == 1


async def test_a_station_that_moved_is_found(api, gateway, connected):
    await gateway.connect(connected, "c2")

    def moved(_action, _payload):
        return {"status": "Accepted"} if gateway.commands[-1].connection_id == "c2" else Outcome.OUTCOME_NOT_CONNECTED

    gateway.respond = moved
    answer = await api.post(f"/stations/{connected}/calls/Reset", json=RESET)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "result")


REFUSED = [
    ("NoSuchAction", {}, 404, None),
    ("BootNotification", {"reason": "PowerUp"}, 404, None),
    ("RemoteStartTransaction", {}, 404, None),
    ("Reset", {}, 422, "/type"),
    ("Reset", {"type": "Sometimes"}, 422, "/type"),
    ("Reset", [], 422, ""),
    ("Reset", None, 422, ""),
    ("Reset", {"type": "OnIdle", "evseId": "1"}, 422, "/evseId"),
    ("TriggerMessage", {"requestedMessage": "StatusNotification"}, 422, "/evse"),
    ("DataTransfer", {"vendorId": "a\0b"}, 422, "/vendorId"),
    ("InstallCertificate", {"certificateType": "CSMSRootCertificate", "certificate": "MIIB"}, 422, "/certificate"),
    ("DataTransfer", {"vendorId": "v", "data": 2**70}, 422, "/data"),
]


async def test_what_is_refused(api, gateway, connected, pointers):
    for action, payload, status, where in REFUSED:
        answer = await api.post(f"/stations/{connected}/calls/{action}", json=payload)
        assert answer.status_code == status, (action, payload, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert where is None or where in pointers(answer)
    assert gateway.sent == []
    assert (await api.get(f"/stations/{connected}/calls")).json()["items"] == []


async def test_no_json(api, connected):
    headers = {"Content-Type": "application/json"}
    for content in (b"", b"{", b"\xff"):
        answer = await api.post(f"/stations/{connected}/calls/Reset", content=content, headers=headers)
        assert answer.status_code in {400, 422}
        assert answer.headers["content-type"] == "application/problem+json"


async def test_unknown_station_and_call(api):
    assert (await api.post("/stations/nobody/calls/Reset", json=RESET)).status_code == 404
    assert (await api.get("/stations/nobody/calls")).status_code == 404
    assert (await api.get("/calls/nothing")).status_code == 404


async def test_protocol_of_the_last_connection_decides(api, gateway, connected, eventually):
    await gateway.connect(connected, "c2", protocol="ocpp1.6")

    async def is_16():
        return (await api.get(f"/stations/{connected}")).json()["protocol"] == "ocpp1.6"

    await eventually(is_16)
    gateway.respond = lambda _action, _payload: {"status": "Accepted"}
    assert (await api.post(f"/stations/{connected}/calls/Reset", json=RESET)).status_code == 422
    assert (await api.post(f"/stations/{connected}/calls/Reset", json={"type": "Soft"})).status_code == 200
    await gateway.disconnect(connected, "c2")

    async def gone():
        return not (await api.get(f"/stations/{connected}")).json()["connected"]

    await eventually(gone)
    assert (await api.post(f"/stations/{connected}/calls/Reset", json={"type": "Soft"})).status_code == 409


async def test_respond_async(api, gateway, connected, eventually):
    gateway.respond = lambda _action, _payload: None
    headers = {"Prefer": "respond-async"}
    answer = await api.post(f"/stations/{connected}/calls/Reset", json=RESET, headers=headers)
    assert answer.status_code == 202
    body = answer.json()
    assert (body["state"], body["outcome"]) == ("open", None)
    assert answer.headers["location"] == f"/api/v1/calls/{body['call_id']}"

    async def sent():
        return gateway.commands

    await eventually(sent)
    await gateway.result(new_record(connected, station_command=gateway.commands[0]), {"status": "Accepted"})

    async def completed():
        call = (await api.get(f"/calls/{body['call_id']}")).json()
        return call["state"] == "completed" and call["outcome"] == "result"

    await eventually(completed)


async def test_respond_async_of_a_station_that_is_not_connected(api, station_id):
    await api.put(f"/stations/{station_id}", json={})
    headers = {"Prefer": "return=minimal, respond-async"}
    answer = await api.post(f"/stations/{station_id}/calls/Reset", json=RESET, headers=headers)
    assert (answer.status_code, answer.json()["outcome"]) == (409, "not_connected")


class TestIdempotencyKey:
    async def post(self, api, station_id, payload=RESET, action="Reset", **headers):
        return await api.post(
            f"/stations/{station_id}/calls/{action}", json=payload, headers={"Idempotency-Key": "k-1", **headers}
        )

    async def test_a_repeat_sends_nothing(self, api, gateway, connected):
        first, second = await self.post(api, connected), await self.post(api, connected)
        assert first.json() == second.json()
        assert (first.status_code, second.status_code) == (200, 200)
        assert len(gateway.commands) == 1

    async def test_callers_do_not_share_their_keys(self, clients, gateway, connected):
        first, second = [await self.post(clients(scope), connected) for scope in ("admin", "operate")]
        assert (first.status_code, second.status_code) == (200, 200)
        assert first.json()["call_id"] != second.json()["call_id"]
        assert len(gateway.commands) == 2

    @pytest.mark.parametrize("outcome", [Outcome.OUTCOME_TIMEOUT, Outcome.OUTCOME_UNKNOWN])
    async def test_a_repeat_gets_the_same_status(self, api, gateway, connected, outcome):
        gateway.respond = lambda _action, _payload: outcome
        first, second = await self.post(api, connected), await self.post(api, connected)
        assert (first.status_code, second.status_code) == (504, 504)
        assert first.json()["call_id"] == second.json()["call_id"]
        assert len(gateway.commands) == 1

    async def test_what_was_never_sent_is_sent_by_a_repeat(self, api, gateway, connected):
        gateway.respond = lambda _action, _payload: Outcome.OUTCOME_NOT_CONNECTED
        first = await self.post(api, connected)
        gateway.respond = lambda _action, _payload: {"status": "Accepted"}
        second, third = await self.post(api, connected), await self.post(api, connected)
        assert (first.status_code, second.status_code, third.status_code) == (409, 200, 200)
        assert first.json()["call_id"] != second.json()["call_id"] == third.json()["call_id"]

    @pytest.mark.parametrize(
        ("told", "status", "outcome"), [(Outcome.OUTCOME_TIMEOUT, 504, "timeout"), ("GenericError", 200, "error")]
    )
    async def test_what_the_gateway_did_not_send_is_sent_by_a_repeat(  # noqa: PLR0917 fixtures
        self, api, gateway, connected, told, status, outcome
    ):
        """It waited too long, or there were too many."""
        gateway.respond, gateway.sends = (lambda _action, _payload: told), False
        first = await self.post(api, connected)
        assert (first.status_code, first.json()["outcome"], first.json()["sent_at"]) == (status, outcome, None)
        gateway.respond, gateway.sends = (lambda _action, _payload: {"status": "Accepted"}), True
        second, third = await self.post(api, connected), await self.post(api, connected)
        assert (second.status_code, second.json()["outcome"]) == (200, "result")
        assert first.json()["call_id"] != second.json()["call_id"] == third.json()["call_id"]
        assert len(gateway.commands) == 2

    async def test_a_station_without_connection_is_asked_when_it_has_one(self, api, gateway, station_id, eventually):
        await api.put(f"/stations/{station_id}", json={})
        assert (await self.post(api, station_id)).status_code == 409
        await gateway.connect(station_id)

        async def sent():
            return (await self.post(api, station_id)).status_code == 200

        await eventually(sent)

    async def test_another_payload_or_action_is_refused(self, api, gateway, connected):
        await self.post(api, connected)
        assert (await self.post(api, connected, {"type": "Immediate"})).status_code == 422
        assert (await self.post(api, connected, {}, "ClearCache")).status_code == 422
        assert len(gateway.commands) == 1

    async def test_members_in_another_order_are_the_same_payload(self, api, gateway, connected):
        await self.post(api, connected, {"type": "OnIdle", "evseId": 1})
        assert (await self.post(api, connected, {"evseId": 1, "type": "OnIdle"})).status_code == 200
        assert len(gateway.commands) == 1

    async def test_a_repeat_waits_for_an_open_call(self, api, gateway, connected, eventually):
        gateway.respond = lambda _action, _payload: None
        posts = [asyncio.create_task(self.post(api, connected)) for _ in range(3)]

        async def sent():
            return gateway.commands

        await eventually(sent)
        assert (await self.post(api, connected, Prefer="respond-async")).status_code == 202
        await gateway.result(new_record(connected, station_command=gateway.commands[0]), {"status": "Accepted"})
        answers = await asyncio.gather(*posts)
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert len({answer.json()["call_id"] for answer in answers}) == 1
        assert len(gateway.commands) == 1

    async def test_keys_belong_to_a_station(self, api, connected):
        await api.put("/stations/CS2", json={})
        assert (await self.post(api, connected)).status_code == 200
        assert (await self.post(api, "CS2")).status_code == 409


class TestRejectedStation:
    @pytest.fixture
    def settings(self):
        return DeviceSettings(unknown_stations=UnknownStations.REJECT)

    async def test_only_the_boot_trigger_is_sent(self, api, gateway, connected):
        await api.put(f"/stations/{connected}", json={"registration": "Rejected"})
        answer = await api.post(f"/stations/{connected}/calls/Reset", json=RESET)
        assert answer.status_code == 409
        trigger = {"requestedMessage": "BootNotification"}
        assert (await api.post(f"/stations/{connected}/calls/TriggerMessage", json=trigger)).status_code == 200
        assert gateway.sent == [("TriggerMessage", trigger)]


async def test_history_is_paged_newest_first(api, connected):
    made = [(await api.post(f"/stations/{connected}/calls/Reset", json=RESET)).json()["call_id"] for _ in range(3)]
    first = (await api.get(f"/stations/{connected}/calls", params={"limit": 2})).json()
    second = (await api.get(f"/stations/{connected}/calls", params={"cursor": first["next_cursor"]})).json()
    assert [item["id"] for item in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None
    assert (await api.get(f"/stations/{connected}/calls", params={"cursor": "WzFd"})).status_code == 422


async def test_secrets_are_not_shown(api, gateway, connected):
    element = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": "a-new-long-password",
    }
    gateway.respond = lambda _action, _payload: {"setVariableResult": [{**element, "attributeStatus": "Rejected"}]}
    body = (await api.post(f"/stations/{connected}/calls/SetVariables", json={"setVariableData": [element]})).json()
    assert gateway.sent[0][1]["setVariableData"][0]["attributeValue"] == "a-new-long-password"
    assert "a-new-long-password" not in (await api.get(f"/calls/{body['call_id']}")).text


@pytest.mark.parametrize("bus", [64 * 1024], indirect=True)
@pytest.mark.parametrize("prefer", ["", "respond-async"])
async def test_a_call_that_no_message_can_hold_is_refused_and_never_sent(api, gateway, connected, prefer):
    large = {"vendorId": "V", "data": "x" * 3_000_000}
    answer = await api.post(f"/stations/{connected}/calls/DataTransfer", json=large, headers={"Prefer": prefer})
    assert (answer.status_code, answer.json()["title"]) == (413, "Message too large")
    assert "CSMS_MAX_MESSAGE_BYTES" in answer.json()["detail"]
    (call,) = (await api.get(f"/stations/{connected}/calls")).json()["items"]
    assert (call["state"], call["outcome"], call["sent_at"]) == ("completed", "not_connected", None)
    assert gateway.sent == []
    assert (await api.post(f"/stations/{connected}/calls/Reset", json=RESET)).status_code == 200
