"""What 0002 does to reports that are there already."""

from importlib import import_module

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

VERSIONS = "csms_device_mgmt.migrations.versions"
REPORT = """
    INSERT INTO reports (station_id, request_id, status, created_at)
    VALUES ('CS1', 7, 'complete', '2026-01-01 00:00:00')
"""
PART = "INSERT INTO report_parts VALUES ('CS1', 7, 0, false, '[1]', '2026-01-01 00:00:00')"


@pytest.fixture
def connection(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/devices.db")
    with engine.begin() as opened:
        yield opened
    engine.dispose()


def rows(connection, statement):
    return [tuple(row) for row in connection.execute(sa.text(statement))]


def test_reports_stay(connection):
    with Operations.context(MigrationContext.configure(connection)):
        import_module(f"{VERSIONS}.0001_initial").upgrade()
        connection.execute(sa.text(REPORT))
        connection.execute(sa.text(PART))
        second = import_module(f"{VERSIONS}.0002_reports_of_all_kinds")
        second.upgrade()
        assert rows(connection, "SELECT message, request_id, status FROM assembled_reports") == [
            ("NotifyReport", 7, "complete")
        ]
        assert rows(connection, "SELECT message, seq_no, entries FROM assembled_report_parts") == [
            ("NotifyReport", 0, "[1]")
        ]
        second.downgrade()
        assert rows(connection, "SELECT request_id, status FROM reports") == [(7, "complete")]
        assert rows(connection, "SELECT request_id, entries FROM report_parts") == [(7, "[1]")]
