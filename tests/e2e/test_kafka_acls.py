"""All services on a Kafka that lets each do what `csms_bus.acls` says, and what a taken-over gateway cannot do.

On PostgreSQL, too, each is a user of its own, with the rights of `csms_db.grants`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError
from csms_bus import acls, groups
from csms_bus.admin import create_topics
from csms_bus.examples import example
from csms_bus.kafka import KafkaBus
from csms_bus.kafka_security import arguments
from csms_bus.ports import BusUnavailable, Incoming, NotAuthorized, Outgoing, Start
from csms_bus.runner import ConsumerRunner
from csms_bus.topics import CATALOGUE, Topic
from csms_runtime.settings import KafkaAccess
from csms_testing.buses import running
from csms_testing.database_users import database_users
from csms_testing.kafka import ONE_BROKER
from csms_testing.kafka_node import Secured
from csms_testing.pki import Pki
from csms_testing.secured_stores import PASSWORD, make_acls, secured_kafka
from csms_testing.systems import System, distributed

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]  # each ACL takes a JVM of its own
GATEWAY = "gateway"
NEWCOMER = "newcomer"
"""A user without ACLs."""


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("acls"))


@pytest.fixture(scope="module")
def kafka(pki: Pki) -> Iterator[Secured]:
    """A broker with the users and ACLs of the catalogue, and no topics."""
    users = [f"{acls.DEFAULT_PREFIX}{who}" for who in (*acls.SERVICES, acls.ADMIN, NEWCOMER)]
    with secured_kafka(pki, users, acls=True) as kafka:
        make_acls(acls.command_lines(acls.principals_of(), f"127.0.0.1:{kafka.plain_port}"))
        yield kafka


def access(pki: Pki, who: str) -> dict[str, Any]:
    """What somebody connects with, as settings."""
    return {
        "kafka_security_protocol": "SASL_SSL",
        "kafka_sasl_username": f"{acls.DEFAULT_PREFIX}{who}",
        "kafka_sasl_password": PASSWORD,
        "kafka_ca_file": str(pki.root_file),
    }


def security(pki: Pki, who: str) -> dict[str, Any]:
    return arguments(KafkaAccess.model_validate(access(pki, who)))


@pytest.fixture(scope="module")
def topics(kafka: Secured, pki: Pki) -> str:
    """The topics, made by the admin job's user. The bootstrap servers."""
    bootstrap = f"127.0.0.1:{kafka.sasl_port}"
    for _ in range(2):  # the second time everything is there
        asyncio.run(create_topics(bootstrap, ONE_BROKER, security=security(pki, acls.ADMIN)))
    return bootstrap


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    topics: str, pki: Pki, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[System]:
    """In place of the session's systems: each process with its own user, and no other rights than the list's."""
    directory: Path = tmp_path_factory.mktemp("acls-system")
    test_databases = request.getfixturevalue("test_databases")
    database_url = test_databases.empty_postgresql()
    with database_users(test_databases, database_url) as prefix:
        async with _running(topics, pki, directory, database_url, prefix) as system:
            yield system
    _nothing_was_refused(directory)


@contextlib.asynccontextmanager
async def _running(
    topics: str, pki: Pki, directory: Path, database_url: str, database_user_prefix: str
) -> AsyncIterator[System]:
    settings = {f"CSMS_{name.upper()}": value for name, value in access(pki, acls.ADMIN).items()}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        running = distributed(
            directory,
            kafka=topics,
            database_url=database_url,
            gateways=1,
            options=[
                *("--kafka-user-prefix", acls.DEFAULT_PREFIX),
                *("--database-user-prefix", database_user_prefix),
            ],
        )
        async with running as system:
            yield system


def _nothing_was_refused(directory: Path) -> None:
    for log in directory.glob("*.log"):
        text = log.read_text()
        assert "AuthorizationFailed" not in text, log
        assert "not authorized" not in text, log
        assert "permission denied" not in text, log


@pytest.mark.postgres
async def test_a_station_registers_boots_charges_and_is_commanded(connect, api, station_id):
    password = "a-password-of-the-station"
    (await api.put(f"/stations/{station_id}", json={"password": password})).raise_for_status()
    (await api.put("/id-tokens/ISO14443/ACLS", json={"status": "Accepted"})).raise_for_status()
    async with connect(station_id, password=password) as station:
        assert (await station.boot()).status == "Accepted"
        assert (await station.authorize("ACLS"))["status"] == "Accepted"
        started = await station.transaction_event(
            "Started", "tx-acl", 0, trigger_reason="Authorized", id_token="ACLS", energy_wh=100
        )
        assert started.id_token_info["status"] == "Accepted"
        await station.transaction_event(
            "Ended", "tx-acl", 1, trigger_reason="StopAuthorized", energy_wh=300, stopped_reason="Local"
        )
        reset = await api.post(f"/stations/{station_id}/calls/Reset", json={"type": "OnIdle"})
        assert (await asyncio.wait_for(station.received.get(), 10))[0] == "Reset"
        assert reset.raise_for_status().json()["response"]["status"] == "Accepted"
        token = {"idToken": "ACLS", "type": "ISO14443"}
        start = await api.post(f"/stations/{station_id}/remote-start", json={"id_token": token})
        assert start.is_success, start.text
    (transaction,) = (await api.get("/transactions", params={"station_id": station_id})).json()["items"]
    assert transaction["energy_wh"] == 200
    audited = (await api.get("/audit")).raise_for_status().json()["items"]
    assert {"auth", "device-mgmt", "transactions"} <= {item["service"] for item in audited}


@pytest_asyncio.fixture
async def taken_over(topics: str, pki: Pki) -> AsyncIterator[KafkaBus]:
    """The bus with the gateway's user in foreign hands."""
    bus = KafkaBus(topics, client_id="taken-over", security=security(pki, GATEWAY))
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


def named(topic: Topic) -> str:
    return topic.name


@pytest.mark.parametrize("topic", [topic for topic in CATALOGUE if GATEWAY not in topic.producers], ids=named)
async def test_a_gateway_cannot_write_what_others_write(taken_over: KafkaBus, topic: Topic) -> None:
    record = example(topic.name, topic.bodies[0])
    with pytest.raises(BusUnavailable, match="AuthorizationFailed"):
        await taken_over.publish([Outgoing(topic.name, record, key="CS1")])


async def test_a_gateway_writes_what_it_must(taken_over: KafkaBus) -> None:
    for topic in CATALOGUE:
        if GATEWAY in topic.producers:
            await taken_over.publish([Outgoing(topic.name, example(topic.name, topic.bodies[0]), key="CS1")])


FOREIGN = [topic for topic in CATALOGUE if GATEWAY not in (*topic.consumers, *topic.producers)]
WRITTEN = [topic for topic in CATALOGUE if GATEWAY in topic.producers and GATEWAY not in topic.consumers]


@pytest.mark.parametrize("topic", FOREIGN, ids=named)
async def test_a_gateway_cannot_read_what_is_for_others(taken_over: KafkaBus, topic: Topic) -> None:
    with pytest.raises(BusUnavailable, match="AuthorizationFailed"):
        await taken_over.read(topic.name, partition=0, start=Start.BEGINNING).__aenter__()


@pytest.mark.parametrize("topic", WRITTEN, ids=named)
async def test_a_gateway_cannot_read_what_gateways_write(topics: str, pki: Pki, topic: Topic) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=topics, auto_offset_reset="earliest", **security(pki, GATEWAY))
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic.name, 0)])
        with pytest.raises(TopicAuthorizationFailedError):
            await consumer.getmany(timeout_ms=30_000)
    finally:
        await consumer.stop()


@pytest.mark.parametrize("group", [*(group.name for group in groups.GROUPS), "mine"])
async def test_a_gateway_joins_no_group(taken_over: KafkaBus, group: str) -> None:
    with pytest.raises(BusUnavailable, match="AuthorizationFailed"):
        await taken_over.subscribe(group, ["gateway.inbox"])


async def test_a_gateway_makes_no_topics(kafka: Secured, pki: Pki) -> None:
    another = replace(CATALOGUE[0], name="made.by.a.gateway")
    with pytest.raises(BusUnavailable, match="Authorization"):
        await create_topics(
            f"127.0.0.1:{kafka.sasl_port}", ONE_BROKER, topics=[another], security=security(pki, GATEWAY)
        )


def grant(kafka: Secured, *arguments: str) -> None:
    where = f"kafka-acls.sh --bootstrap-server 127.0.0.1:{kafka.plain_port}"
    make_acls([f"{where} --add --allow-principal User:{acls.DEFAULT_PREFIX}{NEWCOMER} {' '.join(arguments)}"])


async def test_what_lacks_an_acl_says_so_and_works_once_it_is_granted(topics: str, kafka: Secured, pki: Pki) -> None:
    await asyncio.to_thread(grant, kafka, "--operation Write --topic audit --topic gateway.audit")
    await asyncio.to_thread(grant, kafka, "--operation Describe --topic events.gateway")
    told: list[tuple[bool, str]] = []
    bus = KafkaBus(
        topics, client_id=NEWCOMER, security=security(pki, NEWCOMER), on_health=lambda *health: told.append(health)
    )
    event, entry = (
        Outgoing("events.gateway", example("events.gateway", "event"), key="CS1"),
        Outgoing("audit", example("audit", "audit_entry"), key="CS1"),
    )
    await bus.start()
    try:
        for _ in range(3):
            with pytest.raises(NotAuthorized, match=r"events\.gateway.*csms_bus\.acls") as caught:
                await bus.publish([event, entry])
            assert set(caught.value.outcomes) == {0}  # the other one is written
        assert told == [(False, "Kafka has no ACL for csms-newcomer to write to events.gateway")]
        await asyncio.to_thread(grant, kafka, "--operation Write --topic events.gateway")
        async with asyncio.timeout(30):
            while told[-1][0] is False:
                with contextlib.suppress(BusUnavailable):  # the broker learns of the ACL a moment later
                    await bus.publish([event, entry])
    finally:
        await bus.stop()


async def test_who_may_not_read_a_group_is_told_which(topics: str, kafka: Secured, pki: Pki) -> None:
    await asyncio.to_thread(grant, kafka, "--operation Read --topic audit")
    told: asyncio.Queue[tuple[bool, str]] = asyncio.Queue()
    bus = KafkaBus(topics, client_id=NEWCOMER, security=security(pki, NEWCOMER))
    runner = ConsumerRunner(
        bus, group="auth-audit", topics=["audit"], handler=_ignore, on_health=lambda *health: told.put_nowait(health)
    )
    async with running(runner.run), asyncio.timeout(60):
        assert "auth-audit" in (await told.get())[1]
        await asyncio.to_thread(grant, kafka, "--operation Read --group auth-audit")
        while not (await told.get())[0]:
            pass


async def _ignore(_batch: Sequence[Incoming]) -> Sequence[Outgoing]:
    return ()
