"""Pytest plugin: the fixtures every test may use. The root conftest.py names it."""

import os
from collections.abc import Iterator

import pytest

# ---- Databases (csms_testing.databases) ------------------------------------------------------------------------------
from csms_testing.databases import TestDatabases
from csms_testing.kafka import LocalKafka, kafka_requirement
from csms_testing.requirements import require


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
