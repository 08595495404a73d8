"""Pytest plugin: the fixtures every test may use. The root conftest.py names it."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

# ---- Databases (csms_testing.databases) ------------------------------------------------------------------------------
from csms_testing.databases import TestDatabases
from csms_testing.kafka import LocalKafka, kafka_requirement
from csms_testing.requirements import require
from csms_testing.secured import secured
from csms_testing.systems import System, distributed, standalone


@pytest.fixture(scope="session")
def test_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestDatabases]:
    """Databases built by migrations; see csms_testing.databases."""
    databases = TestDatabases(tmp_path_factory.mktemp("databases"))
    yield databases
    databases.close()


@pytest.fixture
def postgres_url(test_databases: TestDatabases) -> Iterator[str]:
    """URL of a new, empty PostgreSQL database. Mark tests that use it `postgres`."""
    url = test_databases.empty_postgresql()
    yield url
    test_databases.discard(url)


# ---- Apache Kafka (csms_testing.kafka) -------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """Bootstrap servers of Apache Kafka without topics: CSMS_TEST_KAFKA, or a broker that is started for the session.

    Mark tests that use it `kafka`. Missing Java or Maven skips the test, in CI it fails.
    """
    running = os.environ.get("CSMS_TEST_KAFKA")
    if running:
        yield running
        return
    require(kafka_requirement())
    with LocalKafka() as kafka:
        yield kafka.bootstrap


# ---- A running CSMS (csms_testing.systems) ---------------------------------------------------------------------------
MODES = [
    pytest.param("standalone"),
    pytest.param("distributed", marks=[pytest.mark.kafka, pytest.mark.postgres]),
]


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=MODES)
async def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """A running CSMS in each mode, one for all tests of the session; tests keep apart by the identities they use."""
    directory: Path = tmp_path_factory.mktemp(request.param)
    if request.param == "standalone":
        async with standalone(directory, await secured(directory)) as running:
            yield running
        return
    kafka = request.getfixturevalue("kafka_bootstrap")
    database_url = request.getfixturevalue("test_databases").empty_postgresql()
    security = await secured(directory)
    async with distributed(directory, kafka=kafka, database_url=database_url, security=security) as running:
        yield running
