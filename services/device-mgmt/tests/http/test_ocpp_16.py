"""The helpers of the API with a station that speaks OCPP 1.6."""

import pytest
from csms_runtime import passwords

PROTOCOL = "ocpp1.6"
KEYS = {
    "MeterValueSampleInterval": ("60", False),
    "NumberOfConnectors": ("2", True),
    "AuthorizationKey": ("secret", False),
    "VendorUploads": ("ftp://operator:secret@example.org/logs", False),
}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


class Station16:
    """Answers as a station of 1.6 with these configuration keys does."""

    def __init__(self) -> None:
        self.status = "Accepted"
        """Of any answer that has one."""

    def __call__(self, action, payload):
        if action == "GetConfiguration":
            names = payload.get("key") or list(KEYS)
            known = [{"key": name, "value": KEYS[name][0], "readonly": KEYS[name][1]} for name in names if name in KEYS]
            return {"configurationKey": known, "unknownKey": [name for name in names if name not in KEYS]}
        if action in {"UpdateFirmware", "GetDiagnostics"}:
            return {}
        return {"status": self.status}


@pytest.fixture
def answering():
    return Station16()


@pytest.fixture
async def station16(api, gateway, station_id, eventually, answering):
    """A station that exists, is connected and speaks 1.6."""
    (await api.put(f"/stations/{station_id}", json={"security_profile": 1})).raise_for_status()
    await gateway.connect(station_id, protocol=PROTOCOL)
    gateway.respond = answering

    async def shown():
        return (await api.get(f"/stations/{station_id}")).json()["protocol"] == PROTOCOL

    await eventually(shown)
    return station_id


def key(name, **more):
    return {"component": {"name": "Configuration"}, "variable": {"name": name}, **more}


async def test_variables_are_got_in_one_message_and_shown_as_those_of_2_x(api, gateway, station16):
    asked = [{"variable": {"name": "MeterValueSampleInterval"}}, key("NoSuchKey"), key("AuthorizationKey")]
    answer = await api.post(f"/stations/{station16}/variables/get", json={"variables": asked})
    assert answer.status_code == 200
    assert gateway.sent[-1] == (
        "GetConfiguration",
        {"key": ["MeterValueSampleInterval", "NoSuchKey", "AuthorizationKey"]},
    )
    assert answer.json()["results"] == [
        key("MeterValueSampleInterval", attributeStatus="Accepted", attributeValue="60"),
        key("NoSuchKey", attributeStatus="UnknownVariable"),
        key("AuthorizationKey", attributeStatus="Accepted", attributeValue="***"),
    ]
    stored = (await api.get(f"/stations/{station16}/variables")).json()["items"]
    assert {item["variable"]["name"]: (item["value"], item["mutability"]) for item in stored} == {
        "AuthorizationKey": (None, "ReadWrite"),
        "MeterValueSampleInterval": ("60", "ReadWrite"),
    }


async def test_get_takes_as_many_messages_as_the_station_wants(api, gateway, station16, monkeypatch):
    monkeypatch.setitem(KEYS, "GetConfigurationMaxKeys", ("2", True))
    asked = [key(name) for name in ("MeterValueSampleInterval", "NumberOfConnectors", "Other")]
    answer = await api.post(f"/stations/{station16}/variables/get", json={"variables": asked})
    assert [payload["key"] for _, payload in gateway.sent] == [
        ["GetConfigurationMaxKeys"],
        ["MeterValueSampleInterval", "NumberOfConnectors"],
        ["Other"],
    ]
    assert [each["attributeStatus"] for each in answer.json()["results"]] == ["Accepted", "Accepted", "UnknownVariable"]


@pytest.mark.parametrize("status", ["Accepted", "Rejected", "RebootRequired", "NotSupported"])
async def test_variables_are_set_one_in_a_message_and_the_answer_is_shown(api, gateway, station16, answering, status):
    answering.status = status
    wanted = [key("MeterValueSampleInterval", attributeValue="30"), key("HeartbeatInterval", attributeValue="60")]
    answer = await api.post(f"/stations/{station16}/variables/set", json={"variables": wanted})
    assert answer.status_code == 200, answer.text
    assert gateway.sent == [
        ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "30"}),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}),
    ]
    assert answer.json()["results"] == [
        key("MeterValueSampleInterval", attributeStatus=status),
        key("HeartbeatInterval", attributeStatus=status),
    ]
    stored = (await api.get(f"/stations/{station16}/variables")).json()["items"]
    assert [item["value"] for item in stored] == (["60", "30"] if status == "Accepted" else [])


@pytest.mark.parametrize(
    ("path", "element", "pointer"),
    [
        (
            "get",
            {"component": {"name": "C", "evse": {"id": 1}}, "variable": {"name": "V"}},
            "/variables/1/component/evse",
        ),
        ("get", {"variable": {"name": "V", "instance": "i"}}, "/variables/1/variable/instance"),
        ("get", {"variable": {"name": "V"}, "attributeType": "MaxSet"}, "/variables/1/attributeType"),
        ("get", {"variable": {}}, "/variables/1/variable/name"),
        ("get", {"variable": {"name": "x" * 51}}, "/variables/1/variable/name"),
        ("set", {"variable": {"name": "V"}}, "/variables/1/attributeValue"),
        ("set", {"variable": {"name": "V"}, "attributeValue": "x" * 501}, "/variables/1/attributeValue"),
        ("set", {"variable": {"name": "V"}, "attributeValue": 5}, "/variables/1/attributeValue"),
    ],
)
async def test_what_is_no_key_is_refused_where_it_stands(api, gateway, station16, pointers, path, element, pointer):  # noqa: PLR0917 fixtures
    good = key("MeterValueSampleInterval", **({"attributeValue": "30"} if path == "set" else {}))
    answer = await api.post(f"/stations/{station16}/variables/{path}", json={"variables": [good, element]})
    assert answer.status_code == 422
    assert pointers(answer) == [pointer]
    assert gateway.sent == []


async def test_keys_that_decide_how_a_station_connects_need_admin(clients, station16):
    for name in ("AuthorizationKey", "SecurityProfile"):
        body = {"variables": [key(name, attributeValue="2")]}
        answer = await clients("operate").post(f"/stations/{station16}/variables/set", json=body)
        assert answer.status_code == 403


@pytest.mark.parametrize("base", ["FullInventory", "ConfigurationInventory"])
async def test_a_report_is_there_with_the_answer_and_is_the_device_model(api, gateway, station16, base):
    await api.post(f"/stations/{station16}/variables/set", json={"variables": [key("Gone", attributeValue="1")]})
    answer = await api.post(f"/stations/{station16}/reports", json={"report_base": base})
    assert answer.status_code == 202
    assert gateway.sent[-1] == ("GetConfiguration", {})
    assert answer.headers["Location"] == f"/api/v1/stations/{station16}/reports/1"
    report = (await api.get(f"/stations/{station16}/reports/1")).json()
    assert (report["status"], report["complete"], len(report["entries"])) == ("complete", True, len(KEYS))
    assert "secret" not in str(report)
    items = (await api.get(f"/stations/{station16}/variables")).json()["items"]
    assert {item["variable"]["name"]: (item["value"], item["mutability"]) for item in items} == {
        "AuthorizationKey": (None, "ReadWrite"),
        "MeterValueSampleInterval": ("60", "ReadWrite"),
        "NumberOfConnectors": ("2", "ReadOnly"),
        "VendorUploads": ("ftp://***@example.org/logs", "ReadWrite"),
    }


@pytest.mark.parametrize("body", [{"report_base": "SummaryInventory"}, {"component_criteria": ["Problem"]}])
async def test_a_report_that_1_6_has_not_is_refused_and_says_so(api, gateway, station16, body):
    answer = await api.post(f"/stations/{station16}/reports", json=body)
    assert (answer.status_code, answer.json()["title"]) == (422, "Not in this version")
    assert gateway.sent == []


@pytest.mark.parametrize("path", ["monitoring-reports", "display-message-reports", "firmware-publications"])
async def test_what_1_6_has_not_is_refused_and_says_so(api, gateway, station16, path):
    answer = await api.post(f"/stations/{station16}/{path}", json={})
    assert (answer.status_code, answer.json()["title"]) == (422, "Not in this version")
    assert PROTOCOL in answer.json()["detail"]
    assert gateway.sent == []


@pytest.mark.parametrize(
    ("password", "sent"), [("sixteen_letters_", "7369787465656e5f6c6574746572735f"), ("0a" * 20, "0a" * 20)]
)
async def test_a_password_is_set_in_hexadecimal_digits_and_valid_when_it_was_accepted(  # noqa: PLR0917 fixtures
    api, auth, gateway, station16, secret_key, password, sent
):
    answer = await api.post(f"/stations/{station16}/password", json={"password": password})
    assert answer.status_code == 200
    assert gateway.sent == [("ChangeConfiguration", {"key": "AuthorizationKey", "value": sent})]
    known = {admission.password_digest for admission in auth.admissions if admission.password_digest}
    assert known == {passwords.digest(secret_key, station16, password.encode())}
    assert known <= set(passwords.digests(secret_key, station16, bytes.fromhex(sent)))
    assert known <= set(passwords.digests(secret_key, station16, sent.encode()))
    assert sent not in (await api.get(f"/stations/{station16}/calls")).text


@pytest.mark.parametrize("status", ["Rejected", "NotSupported", "RebootRequired"])
async def test_a_password_that_was_not_accepted_changes_nothing(api, auth, station16, answering, status):
    answering.status = status
    assert (await api.post(f"/stations/{station16}/password", json={"password": "0a" * 16})).status_code == 200
    assert not [admission for admission in auth.admissions if admission.password_digest]


async def test_a_security_profile_is_a_key_and_a_hard_reset(api, auth, gateway, station16, eventually):
    path = f"/stations/{station16}/security-profile"
    answer = await api.post(path, json={"security_profile": 2})
    assert answer.status_code == 202

    async def at_connect():
        shown = (await api.get(path)).json()
        return shown if shown["change"]["step"] == "connect" else None

    shown = await eventually(at_connect)
    assert gateway.sent == [
        ("ChangeConfiguration", {"key": "SecurityProfile", "value": "2"}),
        ("Reset", {"type": "Hard"}),
    ]
    assert shown["pending_security_profile"] == 2
    assert auth.admissions[-1].pending_security_profile == 2
    await gateway.connect(station16, "c2", protocol=PROTOCOL, security_profile=2)

    async def done():
        shown = (await api.get(path)).json()
        return shown if shown["change"]["step"] == "done" else None

    assert (await eventually(done))["security_profile"] == 2
    assert (await api.post(path, json={"security_profile": 2})).status_code in {202, 409}
    lower = await api.put(f"/stations/{station16}", json={"security_profile": 1})
    assert lower.status_code == 409


async def test_a_security_profile_that_the_station_rejects(api, station16, answering, eventually):
    answering.status = "Rejected"
    path = f"/stations/{station16}/security-profile"
    await api.post(path, json={"security_profile": 2})

    async def failed():
        shown = (await api.get(path)).json()
        return shown if shown["change"]["step"] == "failed" else None

    shown = await eventually(failed)
    assert (shown["pending_security_profile"], shown["change"]["reason"]) == (None, "the station answered Rejected")


AT = "2026-01-01T00:00:00.000Z"
SIGNED = {"location": "https://example.com/f", "retrieveDateTime": AT, "signingCertificate": PEM, "signature": "AAAA"}


@pytest.mark.parametrize(
    ("path", "body", "action", "sent"),
    [
        (
            "firmware-updates",
            {"location": "https://example.com/f", "retrieveDate": AT, "retries": 2},
            "UpdateFirmware",
            {"location": "https://example.com/f", "retrieveDate": AT, "retries": 2},
        ),
        (
            "firmware-updates",
            {"firmware": {"location": "https://example.com/f", "retrieveDateTime": AT}, "retries": 2},
            "UpdateFirmware",
            {"location": "https://example.com/f", "retrieveDate": AT, "retries": 2},
        ),
        ("firmware-updates", {"firmware": SIGNED}, "SignedUpdateFirmware", {"requestId": 1, "firmware": SIGNED}),
        (
            "logs",
            {"location": "https://example.com/d"},
            "GetDiagnostics",
            {"location": "https://example.com/d"},
        ),
        (
            "logs",
            {"logType": "SecurityLog", "log": {"remoteLocation": "https://example.com/d"}},
            "GetLog",
            {"requestId": 1, "logType": "SecurityLog", "log": {"remoteLocation": "https://example.com/d"}},
        ),
    ],
)
async def test_firmware_and_logs(api, gateway, station16, path, body, action, sent):  # noqa: PLR0917 fixtures
    answer = await api.post(f"/stations/{station16}/{path}", json=body)
    assert answer.status_code == 200, answer.text
    assert gateway.sent == [(action, sent)]
    assert answer.headers["Location"] == f"/api/v1/stations/{station16}/{path}/1"
    job = (await api.get(answer.headers["Location"].removeprefix("/api/v1"))).json()
    assert (job["request_id"], job["state"], job["request"]) == (1, "ongoing", sent)


async def test_installed_certificates_of_one_type(api, gateway, station16):
    hashed = {"hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "0C"}
    asked = {"certificateType": "CentralSystemRootCertificate"}
    gateway.respond = lambda action, _payload: (
        {"status": "Accepted", "certificateHashData": [hashed]}
        if action == "GetInstalledCertificateIds"
        else {"status": "Accepted"}
    )
    await api.post(f"/stations/{station16}/calls/GetInstalledCertificateIds", json=asked)
    path = f"/stations/{station16}/installed-certificates"
    (item,) = (await api.get(path)).json()["items"]
    assert (item["certificate_type"], item["certificate_hash_data"]) == ("CentralSystemRootCertificate", hashed)
    other = {"certificateHashData": {**hashed, "issuerKeyHash": "c"}}
    refused = await api.post(f"/stations/{station16}/calls/DeleteCertificate", json=other)
    assert refused.status_code == 422
    await api.post(f"/stations/{station16}/calls/DeleteCertificate", json={"certificateHashData": hashed})
    assert (await api.get(path)).json()["items"] == []


async def test_a_certificate_that_was_accepted_is_known_by_its_end(api, station16):
    answer = await api.post(f"/stations/{station16}/calls/CertificateSigned", json={"certificateChain": PEM})
    assert answer.json()["outcome"] == "result"


async def test_transactions_is_told_of_a_remote_start_before_the_station(api, eventually, station16, transactions):
    body = {"idTag": "TAG", "connectorId": 2}
    answer = await api.post(f"/stations/{station16}/calls/RemoteStartTransaction", json=body)

    async def noted():
        return transactions.noted

    await eventually(noted)
    (start,) = transactions.noted
    assert (start.call_id, start.remote_start_id, start.evse_id) == (answer.json()["call_id"], 0, 2)
    assert (start.id_token, start.id_token_type, start.action) == ("TAG", "", "RemoteStartTransaction")
