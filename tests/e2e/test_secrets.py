"""No secret comes out: a session with all kinds of them at log level debug, then a search of all that is shown."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio
from csms_testing.oidc import AUDIENCE, Issuer, issuing
from csms_testing.simulator import Station
from csms_testing.systems import API_KEY, System, standalone

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATION = "CS-SECRETS"
READ = (
    "/audit",
    f"/stations/{STATION}",
    f"/stations/{STATION}/calls",
    f"/stations/{STATION}/variables",
    f"/stations/{STATION}/notifications",
    f"/stations/{STATION}/credentials",
    f"/stations/{STATION}/installed-certificates",
    f"/stations/{STATION}/logs",
    "/stations",
    "/transactions",
    "/gateway/connections",
    "/api-keys",
    "/certificates",
    "/certificate-requests",
    "/certificate-bars",
)


class Secrets:
    """What must not be seen, each unlike anything else."""

    def __init__(self) -> None:
        self.first_password = f"first-{uuid4().hex}"
        self.second_password = f"second-{uuid4().hex}"
        self.third_password = f"third-{uuid4().hex}"
        self.refused_password = f"no-{uuid4().hex}"
        self.wrong_password = f"wrong-{uuid4().hex}"
        self.network_password = f"net-{uuid4().hex[:16]}"
        self.upload_password = f"upload-{uuid4().hex}"
        self.key_code = f"{uuid4().int}"[:12]
        self.secret_key = f"secret-key-{uuid4().hex}"
        self.private_key = f"MIIEvQIBADANB{uuid4().hex}"
        self.wrong_api_key = f"csms_wrong{uuid4().hex}"
        self.admin_api_key = API_KEY
        self.made_api_key = ""
        self.token = ""

    def found_in(self, text: str, *besides: str) -> list[str]:
        """The names of those that are in a text."""
        return [name for name, value in vars(self).items() if name not in besides and value in text]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secrets() -> Secrets:
    return Secrets()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrets")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(secrets: Secrets, directory: Path) -> AsyncIterator[dict[str, str]]:
    """Everything that is shown after the session, by where; the system has stopped."""
    async with issuing() as issuer:
        settings = {
            "CSMS_LOG_LEVEL": "debug",
            "CSMS_SECRET_KEY": secrets.secret_key,
            "CSMS_OIDC_ISSUER": issuer.url,
            "CSMS_OIDC_AUDIENCE": AUDIENCE,
            "CSMS_OCPP_TLS_PORT": "0",
        }
        async with standalone(directory, **settings) as system, system.client() as api:
            await session(system, api, secrets, issuer)
            texts = {path: json.dumps(await everything(api, path)) for path in READ}
            texts |= {
                f"{path}/{kind}": json.dumps(await everything(api, f"/transactions/{path}/{kind}"))
                for path in [item["id"] for item in (await api.get("/transactions")).json()["items"]]
                for kind in ("events", "meter-values")
            }
            texts["/metrics"] = (await api.get(f"{system.http_url}/metrics")).text
    texts["log"] = (directory / "standalone.log").read_text()
    yield texts


async def everything(api: httpx2.AsyncClient, path: str) -> Any:
    found, cursor = [], ""
    while True:
        page = (await api.get(path, params={"cursor": cursor} if cursor else {})).raise_for_status().json()
        found += page.get("items", [page])
        cursor = page.get("next_cursor")
        if not cursor:
            return found


async def session(system: System, api: httpx2.AsyncClient, secrets: Secrets, issuer: Issuer) -> None:
    """Use every secret once, the right way and wrong ones."""
    made = await api.post("/api-keys", json={"name": "made", "scopes": ["admin"]})
    secrets.made_api_key = made.raise_for_status().json()["key"]
    secrets.token = issuer.token("admin")
    key_code = {"idToken": secrets.key_code, "type": "KeyCode"}
    for bearer, status in ((secrets.made_api_key, 201), (secrets.token, 200), (secrets.wrong_api_key, 401)):
        put = await api.put(
            f"/stations/{STATION}",
            json={"security_profile": 1, "password": secrets.first_password},
            headers={"Authorization": f"Bearer {bearer}"},
        )
        assert put.status_code == status, put.text
    bad = await api.put(f"/stations/{STATION}", json={"password": [secrets.refused_password]})
    assert bad.status_code == 422
    (await api.put(f"/id-tokens/KeyCode/{secrets.key_code}", json={"status": "Accepted"})).raise_for_status()
    assert (await api.post(f"/id-tokens/KeyCode/{secrets.key_code}", json={})).status_code == 405
    await use_a_wrong_password(system, secrets)
    url = system.ocpp_urls[0]
    async with Station(url, STATION, password=secrets.first_password) as station:
        await station.wait_accepted()
        await station.authorize(key_code)
        await station.charge(1, key_code, energy_wh=100, meter_interval_s=0)
        await commands(api, secrets, key_code)


async def use_a_wrong_password(system: System, secrets: Secrets) -> None:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "ocpp2.0.1",
    }
    async with httpx2.AsyncClient(auth=(STATION, secrets.wrong_password), headers=headers) as station:
        refused = await station.get(f"{system.ocpp_urls[0].replace('ws:', 'http:')}/{STATION}")
        assert refused.status_code == 401


async def commands(api: httpx2.AsyncClient, secrets: Secrets, key_code: dict[str, str]) -> None:
    async def call(action: str, payload: object) -> None:
        answer = await api.post(f"/stations/{STATION}/calls/{action}", json=payload)
        assert answer.status_code == 200, answer.text

    password = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    profile = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": f"wss://user:{secrets.upload_password}@csms.example/ocpp",
        "messageTimeout": 30,
        "securityProfile": 2,
        "ocppInterface": "Wired0",
        "apn": {"apn": "internet", "apnPassword": secrets.network_password, "apnAuthentication": "CHAP"},
        "vpn": {
            "server": "vpn.example",
            "user": "user",
            "password": secrets.network_password,
            "key": secrets.network_password,
            "type": "IPSec",
        },
    }
    await call("SetVariables", {"setVariableData": [password | {"attributeValue": secrets.second_password}]})
    changed = await api.post(f"/stations/{STATION}/password", json={"password": secrets.third_password})
    assert changed.status_code == 200, changed.text
    await call("GetVariables", {"getVariableData": [password]})
    await call("SetNetworkProfile", {"configurationSlot": 1, "connectionData": profile})
    location = f"ftp://user:{secrets.upload_password}@files.example/"
    await call("GetLog", {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": location}})
    local_list = [{"idToken": key_code, "idTokenInfo": {"status": "Accepted"}}]
    await call("SendLocalList", {"versionNumber": 7, "updateType": "Full", "localAuthorizationList": local_list})
    key = f"-----BEGIN PRIVATE KEY-----\n{secrets.private_key}\n-----END PRIVATE KEY-----"
    await api.post(
        f"/stations/{STATION}/calls/InstallCertificate",
        json={"certificateType": "CSMSRootCertificate", "certificate": key},
    )
    started = await api.post(f"/stations/{STATION}/remote-start", json={"id_token": key_code, "evse_id": 2})
    assert started.status_code == 200, started.text


async def test_nothing_that_is_shown_holds_a_secret(shown: dict[str, str], secrets: Secrets) -> None:
    assert {where: found for where, text in shown.items() if (found := secrets.found_in(text))} == {}


async def test_no_private_key_is_shown(shown: dict[str, str]) -> None:
    assert [where for where, text in shown.items() if "PRIVATE KEY" in text] == []


async def test_the_search_would_find_them(shown: dict[str, str]) -> None:
    """What the secrets stand beside is there: the session was logged, recorded, audited."""
    log = shown["log"]
    assert '"BasicAuthPassword"' in log.replace("'", '"')
    assert log.count("***") >= 10
    assert log.count(" [debug") > 20
    assert shown[f"/stations/{STATION}/calls"].count("***") >= 8
    assert shown["/audit"].count("***") >= 8
    assert {"SetVariables", "SetNetworkProfile", "GetLog", "SendLocalList"} <= {
        item["action"] for item in json.loads(shown[f"/stations/{STATION}/calls"])
    }
    audited = json.loads(shown["/audit"])
    assert sum(entry["request"] is not None for entry in audited) >= 10
    assert "/api/v1/id-tokens/KeyCode/***" in {entry["path"] for entry in audited}


async def test_databases_hold_digests_alone(shown: dict[str, str], secrets: Secrets, directory: Path) -> None:
    assert shown
    files = [path for path in (directory / "data").iterdir() if ".db" in path.name]
    assert len(files) >= 3
    stored = "".join(path.read_bytes().decode("latin-1") for path in files)
    assert "BasicAuthPassword" in stored
    # A key code is what auth looks up, and is kept as it is.
    assert secrets.found_in(stored, "key_code") == []
