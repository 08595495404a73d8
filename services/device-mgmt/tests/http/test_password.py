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
    gateway.respond = answering("Accepted")
    auth.silent = True
    answer = await api.post(f"/stations/{connected}/password", json={"password": NEW})
    assert answer.status_code == 503
    assert len(digests(auth)) == 2
