"""Pytest plugin: the fixtures every test may use. The root conftest.py names it."""

from collections.abc import Iterator

import pytest

# ---- Databases (csms_testing.databases) ------------------------------------------------------------------------------
from csms_testing.databases import TestDatabases


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
