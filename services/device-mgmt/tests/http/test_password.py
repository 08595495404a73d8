import pytest
from csms.v1.station_pb2 import Outcome
from csms_bus.records import new_record
from csms_runtime import passwords

OLD, NEW = "the-old-long-password", "the-new-long-password"


def answering(status):
    def respond(_action, payload):
        (element,) = payload["setVariableData"]
        named = {name: element[name] for name in ("component", "variable")}
        return {"setVariableResult": [{**named, "attributeStatus": status}]}

    return respond


def digests(auth):
    return [admission.password_digest for admission in auth.admissions if admission.password_digest]


async def test_accepted_password_becomes_valid(api, auth, gateway, connected, secret_key):
    gateway.respond = answering("Accepted")
    answer = await api.post(f"/stations/{connected}/password", json={"password": NEW})
    assert answer.status_code == 200
    assert answer.json()["outcome"] == "result"
    assert gateway.sent == [
        (
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "component": {"name": "SecurityCtrlr"},
                        "variable": {"name": "BasicAuthPassword"},
                        "attributeValue": NEW,
                    }
                ]
            },
        )
    ]
    assert set(digests(auth)) == {passwords.digest(secret_key, connected, NEW.encode())}
    assert (await api.get(f"/stations/{connected}")).json()["password_set"] is True
    assert NEW not in (await api.get(f"/stations/{connected}/calls")).text
    assert (await api.get(f"/stations/{connected}/variables")).json()["items"] == []


@pytest.mark.parametrize("status", ["Rejected", "RebootRequired", "UnknownVariable"])
async def test_any_other_answer_keeps_the_old_one(api, auth, gateway, connected, status):
    gateway.respond = answering(status)
    answer = await api.post(f"/stations/{connected}/password", json={"password": NEW})
    assert answer.status_code == 200
    assert digests(auth) == []


async def test_no_answer_keeps_the_old_one_until_it_comes(api, auth, gateway, connected, eventually):
    gateway.respond = lambda _action, _payload: None
    answer = await api.post(f"/stations/{connected}/password", json={"password": NEW}, params={"timeout_s": 0.05})
    assert answer.status_code == 504
    assert NEW not in answer.text
    assert digests(auth) == []
    late = new_record(connected, station_command=gateway.commands[0])
    payload = {"setVariableData": [{"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}]}
    await gateway.result(late, answering("Accepted")("SetVariables", payload))

    async def told():
        return digests(auth)

    await eventually(told)


async def test_refused(api, gateway, connected):
    for password in ("x" * 15, "x" * 65):
        answer = await api.post(f"/stations/{connected}/password", json={"password": password})
        assert answer.status_code == 422
        assert "xxxxx" not in answer.text
    assert gateway.commands == []
    assert (await api.post("/stations/nobody/password", json={"password": NEW})).status_code == 404
    gateway.respond = lambda _action, _payload: Outcome.OUTCOME_NOT_CONNECTED
    assert (await api.post(f"/stations/{connected}/password", json={"password": NEW})).status_code == 409


async def test_silent_auth_is_said_and_told_later(api, auth, gateway, connected):
    def respond(action, payload):
        auth.silent = True
        return answering("Accepted")(action, payload)

    gateway.respond = respond
    answer = await api.post(f"/stations/{connected}/password", json={"password": NEW})
    assert answer.status_code == 503
    assert "password_digest" in told(auth)


async def test_without_auth_nothing_is_sent(api, auth, gateway, connected):
    auth.silent = True
    answer = await api.post(f"/stations/{connected}/password", json={"password": NEW})
    assert answer.status_code == 503
    assert gateway.commands == []
    (call,) = (await api.get(f"/stations/{connected}/calls")).json()["items"]
    assert call["state"] == "completed"


def told(auth):
    """What auth was told of passwords, in order."""
    kinds = ("pending_password_digest", "password_digest", "dropped_password_digest")
    return [kind for admission in auth.admissions for kind in kinds if getattr(admission, kind)]


async def test_auth_knows_the_password_before_the_station_does(api, auth, gateway, connected, secret_key):
    def respond(action, payload):
        assert told(auth) == ["pending_password_digest"]
        assert auth.admissions[-1].pending_password_digest == passwords.digest(secret_key, connected, NEW.encode())
        return answering("Accepted")(action, payload)

    gateway.respond = respond
    assert (await api.post(f"/stations/{connected}/password", json={"password": NEW})).status_code == 200
    assert set(told(auth)[1:]) == {"password_digest"}


@pytest.mark.parametrize("path", ["calls/SetVariables", "variables/set"])
async def test_however_it_is_asked_for(api, auth, gateway, connected, path):
    gateway.respond = answering("Accepted")
    element = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": NEW,
    }
    name = "variables" if path.startswith("variables") else "setVariableData"
    assert (await api.post(f"/stations/{connected}/{path}", json={name: [element]})).status_code == 200
    assert told(auth)[0] == "pending_password_digest"


@pytest.mark.parametrize(
    ("respond", "last"),
    [
        (answering("Rejected"), "dropped_password_digest"),
        (lambda _action, _payload: "InternalError", "dropped_password_digest"),
        # sent, and then the connection was gone
        (lambda _action, _payload: Outcome.OUTCOME_UNKNOWN, "pending_password_digest"),
        (lambda _action, _payload: Outcome.OUTCOME_NOT_CONNECTED, "dropped_password_digest"),
        (answering("RebootRequired"), "pending_password_digest"),
        (lambda _action, _payload: None, "pending_password_digest"),
    ],
)
async def test_only_a_known_refusal_ends_a_pending_password(  # noqa: PLR0917 fixtures
    api, auth, gateway, connected, eventually, respond, last
):
    gateway.respond = respond
    await api.post(f"/stations/{connected}/password", json={"password": NEW}, params={"timeout_s": 0.05})

    async def settled():
        return told(auth)[-1] == last

    await eventually(settled)
    assert "password_digest" not in told(auth)


async def test_what_cannot_be_sent_is_valid_at_no_time(api, auth, station_id):
    (await api.put(f"/stations/{station_id}", json={})).raise_for_status()
    assert (await api.post(f"/stations/{station_id}/password", json={"password": NEW})).status_code == 409
    assert "pending_password_digest" not in told(auth)


async def test_what_the_station_refused_is_dropped_before_the_answer(api, auth, gateway, connected):
    gateway.respond = answering("Rejected")
    assert (await api.post(f"/stations/{connected}/password", json={"password": NEW})).status_code == 200
    # On the bus before the answer, and in order: who connects now is judged by it.
    assert told(auth)[:2] == ["pending_password_digest", "dropped_password_digest"]
