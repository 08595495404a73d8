"""No secret comes out: a session with all kinds of them at log level debug, then a search of all that is shown.

And of all that lies about: every record on every topic, every row of every database.
"""

import asyncio
import base64
import contextlib
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest
import pytest_asyncio
from csms_bus.kafka import KafkaBus
from csms_bus.ports import Start
from csms_bus.topics import CATALOGUE, Topic
from csms_testing.fixtures import MODES
from csms_testing.kafka import LocalKafka, kafka_requirement
from csms_testing.oidc import AUDIENCE, Issuer, issuing
from csms_testing.otlp import Collector, collecting
from csms_testing.requirements import require
from csms_testing.simulator import Station
from csms_testing.systems import API_KEY, System, distributed, standalone

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATION, AWAY = "CS-SECRETS", "CS-SECRETS-AWAY"
READ = (
    "/audit",
    f"/stations/{STATION}",
    f"/stations/{STATION}/calls",
    f"/stations/{AWAY}/calls",
    f"/stations/{STATION}/variables",
    f"/stations/{STATION}/notifications",
    f"/stations/{STATION}/credentials",
    f"/stations/{STATION}/installed-certificates",
    f"/stations/{STATION}/logs",
    f"/stations/{STATION}/refused-messages",
    "/stations",
    "/id-tokens",
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

    def found_in(self, text: str) -> list[str]:
        """The names of those that are in a text, as they are, in hexadecimal or in base64."""
        return [name for name, value in vars(self).items() if any(each in text for each in _spellings(value))]


def _spellings(value: str) -> list[str]:
    encoded = value.encode()
    shifted = [base64.b64encode(b" " * n + encoded).decode()[(4 * n + 2) // 3 :].rstrip("=")[:-2] for n in range(3)]
    return [value, encoded.hex(), *shifted]


async def test_the_search_finds_each_spelling() -> None:
    secrets = Secrets()
    secrets.made_api_key, secrets.token = "made-in-the-session", "token-of-the-session"
    for shift in range(3):
        around = b"x" * shift + secrets.first_password.encode() + b"yyy"
        for text in (around.decode(), around.hex(), base64.b64encode(around).decode()):
            assert secrets.found_in(text) == ["first_password"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secrets() -> Secrets:
    return Secrets()


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module", params=MODES)
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the system keeps its files; its name is the mode."""
    path: Path = tmp_path_factory.mktemp("secrets") / request.param
    path.mkdir()
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(
    request: pytest.FixtureRequest, secrets: Secrets, directory: Path, collector: Collector
) -> AsyncIterator[dict[str, str]]:
    """Everything that is shown or kept after the session, by where."""
    collector.bodies.clear()  # of the other mode
    texts: dict[str, str] = {}
    async with issuing() as issuer:
        settings = {
            **collector.settings,
            "CSMS_LOG_LEVEL": "debug",
            "CSMS_SECRET_KEY": secrets.secret_key,
            "CSMS_OIDC_ISSUER": issuer.url,
            "CSMS_OIDC_AUDIENCE": AUDIENCE,
        }
        if directory.name == "standalone":
            async with standalone(directory, **settings, CSMS_OCPP_TLS_PORT="0", **spied(directory)) as system:
                spy_on_sqlite(directory)
                texts |= await seen(system, secrets, issuer)
            texts |= {f"topic {topic}": text for topic, text in spied_topics(directory)}
            texts |= {f"file {path.name}": path.read_bytes().decode("latin-1") for path in data_files(directory)}
        else:
            require(kafka_requirement())
            # Its own: the broker of the other tests holds gigabytes of theirs.
            broker = await asyncio.to_thread(LocalKafka().__enter__)
            request.addfinalizer(broker.close)
            kafka = broker.bootstrap
            database_url = request.getfixturevalue("test_databases").empty_postgresql()
            with pytest.MonkeyPatch.context() as patch:
                for name, value in settings.items():
                    patch.setenv(name, value)
                async with distributed(directory, kafka=kafka, database_url=database_url, gateways=1) as system:
                    await spy_on_postgresql(database_url)
                    texts |= await seen(system, secrets, issuer)
            texts |= {f"topic {topic.name}": await on_topic(kafka, topic) for topic in CATALOGUE}
            texts |= await rows(database_url)
    texts["traces"] = "\n".join(collector.bodies)
    yield texts | logs(directory)


async def seen(system: System, secrets: Secrets, issuer: Issuer) -> dict[str, str]:
    """What the API shows after the session."""
    async with system.client() as api:
        await session(system, api, secrets, issuer)
        texts = {path: json.dumps(await everything(api, path)) for path in READ}
        for item in (await api.get("/transactions")).json()["items"]:
            for kind in ("events", "meter-values"):
                path = f"/transactions/{item['id']}/{kind}"
                texts[path] = json.dumps(await everything(api, path))
        if system.mode == "standalone":
            texts["/metrics"] = (await api.get(f"{system.http_url}/metrics")).text
    return texts


SPY = """
import base64, os
from csms_bus.memory import MemoryBus
publish = MemoryBus.publish
async def spied(self, records, *rest, **more):
    with open(os.environ["TOPIC_SPY"], "a") as file:
        for each in records:
            value = b"" if each.record is None else each.record.SerializeToString()
            file.write(f"{each.topic} {base64.b16encode(value).decode().lower()}\\n")
    return await publish(self, records, *rest, **more)
MemoryBus.publish = spied
"""


def spied(directory: Path) -> dict[str, str]:
    """Settings with which the in-process bus writes down what is published."""
    (directory / "spy").mkdir()
    (directory / "spy" / "sitecustomize.py").write_text(SPY)
    return {"PYTHONPATH": str(directory / "spy"), "TOPIC_SPY": str(directory / "topics")}


def spied_topics(directory: Path) -> Iterator[tuple[str, str]]:
    """What was published in hexadecimal, by topic."""
    records: dict[str, list[str]] = {}
    for line in (directory / "topics").read_text().splitlines():
        topic, _, value = line.partition(" ")
        records.setdefault(topic, []).append(value)
    for topic, values in records.items():
        yield topic, " ".join(values)


OUTBOXES = ("auth", "devices", "transactions")


def spy_on_sqlite(directory: Path) -> None:
    """Have the databases keep whatever was in the outboxes, which are empty again a moment later."""
    for name in OUTBOXES:
        with contextlib.closing(sqlite3.connect(directory / "data" / f"{name}.db", timeout=30)) as database:
            database.executescript("""
                CREATE TABLE outbox_spy (record BLOB);
                CREATE TRIGGER outbox_spied AFTER INSERT ON outbox
                BEGIN INSERT INTO outbox_spy VALUES (NEW.record); END;
            """)


async def spy_on_postgresql(database_url: str) -> None:
    """See `spy_on_sqlite`."""
    connection = await asyncpg.connect(database_url)
    try:
        for name in OUTBOXES:
            await connection.execute(f"""
                CREATE TABLE {name}.outbox_spy (record bytea);
                CREATE FUNCTION {name}.outbox_spied() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN INSERT INTO {name}.outbox_spy VALUES (NEW.record); RETURN NULL; END $$;
                CREATE TRIGGER outbox_spied AFTER INSERT ON {name}.outbox
                FOR EACH ROW EXECUTE FUNCTION {name}.outbox_spied();
            """)  # noqa: S608 the names are ours
    finally:
        await connection.close()


async def on_topic(kafka: str, topic: Topic) -> str:
    """Every record of a topic, in hexadecimal."""
    bus = KafkaBus(kafka, client_id="secrets-test")
    await bus.start()
    found: list[str] = []
    try:
        async with bus.read(topic.name, partition=None, start=Start.BEGINNING) as reader:
            async for batch in reader.batches():
                if not batch:
                    return " ".join(found)
                found += [each.record.SerializeToString().hex() for each in batch if each.record is not None]
    finally:
        await bus.stop()
    raise AssertionError("a reader ends only when it is left")


async def rows(database_url: str) -> dict[str, str]:
    """Every row of every table, bytes in hexadecimal."""
    connection = await asyncpg.connect(database_url)
    try:
        tables = await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        return {
            f"table {schema}.{table}": "\n".join(
                row[0]
                for row in await connection.fetch(f'SELECT t::text FROM "{schema}"."{table}" t')  # noqa: S608
            )
            for schema, table in tables
        }
    finally:
        await connection.close()


def logs(directory: Path) -> dict[str, str]:
    """What the processes logged; the launcher of the cluster prints its admin key, as it should."""
    found = [path for path in directory.glob("*.log") if path.stem != "cluster"]
    return {f"log {path.stem}": path.read_text() for path in found}


def data_files(directory: Path) -> list[Path]:
    """The databases, with what is not yet written into them."""
    return [path for path in (directory / "data").iterdir() if ".db" in path.name]


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
    await known_everywhere(api, secrets.made_api_key)
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
        await station.call("NotifyReport", report(secrets.first_password))
        await station.call("DataTransfer", {"vendorId": "V", "data": {"password": secrets.first_password}})
        await commands(api, secrets, key_code)


async def known_everywhere(api: httpx2.AsyncClient, key: str) -> None:
    """Wait until the service that is asked next knows a key that was made a moment ago."""
    async with asyncio.timeout(10):
        while (await api.get("/stations", headers={"Authorization": f"Bearer {key}"})).status_code != 200:
            pass


def report(password: str) -> dict[str, Any]:
    """What no station should tell."""
    variable = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    told = variable | {"variableAttribute": [{"value": password}]}
    return {"requestId": 1, "generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0, "reportData": [told]}


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
    await call("PublishFirmware", {"requestId": 2, "location": location, "checksum": "0" * 32})
    local_list = [{"idToken": key_code, "idTokenInfo": {"status": "Accepted"}}]
    await call("SendLocalList", {"versionNumber": 7, "updateType": "Full", "localAuthorizationList": local_list})
    key = f"-----BEGIN PRIVATE KEY-----\n{secrets.private_key}\n-----END PRIVATE KEY-----"
    await api.post(
        f"/stations/{STATION}/calls/InstallCertificate",
        json={"certificateType": "CSMSRootCertificate", "certificate": key},
    )
    start = {"id_token": key_code, "evse_id": 2}
    started = await api.post(f"/stations/{STATION}/remote-start", json=start)
    assert started.status_code == 200, started.text
    (await api.put(f"/stations/{AWAY}", json={})).raise_for_status()
    not_sent = await api.post(f"/stations/{AWAY}/remote-start", json=start)
    assert (not_sent.status_code, not_sent.json()["outcome"]) == (409, "not_connected")


async def test_nothing_that_is_shown_holds_a_secret(shown: dict[str, str], secrets: Secrets) -> None:
    assert {where: found for where, text in shown.items() if (found := secrets.found_in(text))} == {}


async def test_no_private_key_is_shown(shown: dict[str, str]) -> None:
    assert [where for where, text in shown.items() if "PRIVATE KEY" in text] == []


async def test_the_search_would_find_them(shown: dict[str, str]) -> None:
    """What the secrets stand beside is there: the session was logged, recorded, audited, published, stored."""
    log = "".join(text for where, text in shown.items() if where.startswith("log "))
    assert '"BasicAuthPassword"' in log.replace("'", '"')
    assert log.count("***") >= 10
    assert len(re.findall(r"\[debug|\"debug\"", log)) > 20
    assert shown[f"/stations/{STATION}/calls"].count("***") >= 8
    assert shown["/audit"].count("***") >= 8
    assert {"SetVariables", "SetNetworkProfile", "GetLog", "SendLocalList", "PublishFirmware"} <= {
        item["action"] for item in json.loads(shown[f"/stations/{STATION}/calls"])
    }
    audited = json.loads(shown["/audit"])
    assert sum(entry["request"] is not None for entry in audited) >= 10
    assert "/api/v1/id-tokens/KeyCode/***" in {entry["path"] for entry in audited}
    assert "KeyCode" in shown["/id-tokens"]
    assert {f'"{name}"' for name in ("SetVariables", "Authorize", "TransactionEvent", "connect")} <= set(
        re.findall(r'"name": ("\w+")', shown["traces"])
    )
    assert "BasicAuthPassword" in "".join(text for where, text in shown.items() if where.startswith(("file", "table")))


async def test_secrets_wait_sealed(shown: dict[str, str]) -> None:
    """What would hold one is in the outbox before it is published: the outcome of the order that was not sent."""
    kept = "".join(text for where, text in shown.items() if where.startswith(("file devices", "table devices.outbox")))
    kind = "command_result"
    sealed = chr(len(kind)) + kind
    assert sealed in kept or sealed.encode().hex() in kept


async def test_secrets_travel_sealed(shown: dict[str, str]) -> None:
    """What would hold them is on the topics, and only its kind can be read."""
    topics = "".join(text for where, text in shown.items() if where.startswith("topic "))
    for kind in ("station_call", "station_command", "command_result", "call_order", "authorization_request"):
        assert f"{len(kind):02x}{kind.encode().hex()}" in topics, kind
