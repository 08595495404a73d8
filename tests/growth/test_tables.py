"""Every table of every service has a rule by which it does not grow for ever, on both databases.

A table that is not named here fails. What is deleted after some days, and what goes with a station, is tried.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from csms_auth.app import MIGRATIONS as AUTH
from csms_auth.store import api_tables, audit, credit, removed
from csms_db.base import Json, UtcDateTime
from csms_db.engine import Database
from csms_db.packed import PackedJson
from csms_db.retention import Kept
from csms_device_mgmt.app import MIGRATIONS as DEVICES
from csms_device_mgmt.history.retention import kept as devices_kept
from csms_device_mgmt.settings import DeviceSettings
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.tables import Base
from csms_history import tables as history_tables
from csms_history.app import MIGRATIONS as HISTORY
from csms_history.messages.message_pages import to_us
from csms_history.messages.partitions import day_of
from csms_history.retention import kept as history_kept
from csms_history.settings import HistorySettings
from csms_runtime.clock import utcnow
from csms_testing.databases import database_fixture
from csms_transactions.app import MIGRATIONS as TRANSACTIONS
from csms_transactions.retention import kept as transactions_kept
from csms_transactions.settings import TransactionSettings
from csms_transactions.store import tables as transactions_tables

METADATA = {
    "auth": api_tables.metadata,
    "devices": Base.metadata,
    "history": history_tables.metadata,
    "transactions": transactions_tables.metadata,
}
ALL_KINDS = TransactionSettings(keep_transactions_days=3650)
KEPT: Mapping[str, Sequence[Kept]] = {
    "auth": [
        Kept("audit", 365, audit.forget),
        Kept("removed_stations", 30, removed.forget_stations),
        Kept("certificates", 365, removed.forget_certificates),
        Kept("credit_charges", 400, credit.forget),
    ],
    "devices": devices_kept(DeviceSettings()),
    "history": history_kept(HistorySettings()),
    "transactions": transactions_kept(ALL_KINDS),
}


@dataclass(frozen=True)
class Forgotten:
    """Deleted some days after its time, by the retention of this name."""

    name: str


@dataclass(frozen=True)
class Station:
    """So much of each station at most, in words; goes with the station."""

    bound: str


@dataclass(frozen=True)
class Bounded:
    """So much in all, in words."""

    bound: str


@dataclass(frozen=True)
class Stays:
    """Until somebody deletes it; as large as what it describes. In words: why."""

    why: str


COUNTS = {"counts": Bounded("one row for what is counted")}
EVERYWHERE = {
    "kept_answers": Bounded("those of a day, each of up to 1 MiB"),
    "outbox": Bounded("what is not published yet"),
    "set_aside_records": Bounded("256 MiB, 32 MiB of a key"),
}
RULES: Mapping[str, Mapping[str, Forgotten | Station | Bounded | Stays]] = {
    "auth": {
        "stations": Forgotten("removed_stations"),
        "connection_numbers": Forgotten("removed_stations"),
        "id_tokens": Stays("operators create and delete them"),
        "credit_charges": Forgotten("credit_charges"),
        "api_keys": Stays("operators create them; who had a key is part of the audit"),
        "certificates": Forgotten("certificates"),
        "certificate_requests": Forgotten("removed_stations"),
        "certificate_bars": Stays("one of a station, until an operator lifts it"),
        "audit": Forgotten("audit"),
        **EVERYWHERE,
    },
    "devices": {
        "stations": Stays("operators create and delete them; unknown ones up to CSMS_UNKNOWN_STATIONS_MOST"),
        "station_texts": Station("one row"),
        "station_labels": Station("32 rows"),
        "sites": Stays("operators create and delete them"),
        "connectors": Station("CSMS_STATION_CONNECTORS"),
        "variables": Station("CSMS_STATION_VARIABLES"),
        "installed_certificates": Station("those of its last answer"),
        "dynamic_schedules": Station("the newest hundred"),
        "charging_evses": Station("the newest hundred"),
        "der_controls": Station("the newest hundred"),
        "battery_swaps": Station("the newest 200"),
        "event_streams": Station("the newest 200"),
        "monitored_variables": Station("the newest thousand"),
        "stream_values": Forgotten("stream_values"),
        "refused_handshakes": Forgotten("refused_handshakes"),
        "calls": Forgotten("calls"),
        "configuration_templates": Bounded("100"),
        "waiting_calls": Station("CSMS_STATION_WAITING_CALLS, CSMS_STATION_WAITING_BYTES"),
        "bulk_jobs": Forgotten("bulk_jobs"),
        "bulk_targets": Forgotten("bulk_jobs"),
        "notifications": Forgotten("notifications"),
        "faults": Forgotten("faults"),
        "refused_messages": Forgotten("refused_messages"),
        "assembled_reports": Forgotten("reports"),
        "assembled_report_parts": Forgotten("reports"),
        "jobs": Forgotten("jobs"),
        "job_steps": Forgotten("jobs"),
        "log_uploads": Forgotten("log_uploads"),
        "log_pieces": Bounded("CSMS_LOG_UPLOAD_BYTES of each of a station's 20 log_uploads, with which they go"),
        "vat_numbers": Stays("operators create and delete them"),
        "settlements": Forgotten("settlements"),
        "dead_letters": Forgotten("dead_letters"),
        "removed_stations": Bounded("those of eight days"),
        **COUNTS,
        **EVERYWHERE,
    },
    "history": {
        "timeline_entries": Forgotten("timeline_entries"),
        "event_log": Forgotten("event_log"),
        "webhooks": Stays("operators create and delete them; at most a hundred"),
        "webhook_deliveries": Forgotten("webhook_deliveries"),
        "station_sites": Bounded("a row for each station that belongs to a site"),
        "connections": Forgotten("connections"),
        "gateways": Forgotten("gateways"),
        "baselines": Stays("a row for each connector there ever was: what it was before what is kept"),
        "station_messages": Forgotten("station_messages"),
        "message_bytes": Forgotten("message_bytes"),
        "message_log_settings": Stays("operators make and change them"),
        "station_bytes": Bounded("a row for each station of which something is kept, and kind"),
        "kept_answers": EVERYWHERE["kept_answers"],
    },
    "transactions": {
        "web_payment_settings": Stays("operators create and delete them; one of a station"),
        "web_payments": Forgotten("web_payments"),
        "tariffs": Stays("operators create and delete them; one of a station"),
        "transactions": Forgotten("transactions"),
        "transaction_events": Forgotten("transactions"),
        "conflicting_events": Forgotten("transactions"),
        "authorizations": Forgotten("transactions"),
        "status_checks": Forgotten("transactions"),
        "transaction_limits": Forgotten("transactions"),
        "meter_values": Forgotten("meter_values"),
        "meter_value_bytes": Forgotten("meter_values"),
        "remote_requests": Forgotten("remote_requests"),
        "given_ids": Forgotten("given_ids"),
        "remote_start_ids": Stays("a row for each identity there ever was: its numbers are not used again"),
        **COUNTS,
        **EVERYWHERE,
    },
}

KEPT_ELSEWHERE = {"removed_stations", "bulk_targets", "settlements"}
"""Not with the station: as many as `Bounded` and `Forgotten` say."""

auth = database_fixture(AUTH, schema="auth")
devices = database_fixture(DEVICES, schema="devices")
history = database_fixture(HISTORY, schema="history")
transactions = database_fixture(TRANSACTIONS, schema="transactions")
_numbers = itertools.count(1)


@pytest.mark.parametrize("service", METADATA)
def test_every_table_has_a_rule(service: str) -> None:
    assert METADATA[service].tables.keys() == RULES[service].keys()


@pytest.mark.parametrize("service", METADATA)
def test_what_is_forgotten_is_so_by_default(service: str) -> None:
    """But transactions, which an operator's books may need."""
    names = {rule.name for rule in RULES[service].values() if isinstance(rule, Forgotten)}
    assert names == {kind.name for kind in KEPT[service] if kind.days}
    assert [kind.name for kind in transactions_kept(TransactionSettings()) if not kind.days] == ["transactions"]


async def forgets(service: str, database: Database) -> None:
    now = utcnow()
    tables = [METADATA[service].tables[name] for name in forgotten(service)]
    async with database.transaction() as session:
        for kind, days in (("old", 400), ("new", 10)):
            rows = made(kind, now - timedelta(days=days))
            for table in tables:
                await session.execute(sa.insert(table), rows.of(table))
    rules = transactions_kept(ALL_KINDS) if service == "transactions" else KEPT[service]  # one rests afterwards
    for kind_of_rows in rules:
        async with database.transaction() as session:
            await kind_of_rows.delete(session, now - timedelta(days=100), 500)
    async with database.reading() as session:
        left = {table.name: len((await session.execute(sa.select(table))).all()) for table in tables}
    assert left == dict.fromkeys(left, 1)


def forgotten(service: str) -> Iterator[str]:
    return (name for name, rule in RULES[service].items() if isinstance(rule, Forgotten))


async def test_auth_forgets(auth: Database) -> None:
    await forgets("auth", auth)


async def test_devices_forget(devices: Database) -> None:
    await forgets("devices", devices)


async def test_history_is_forgotten(history: Database) -> None:
    await forgets("history", history)


async def test_transactions_are_forgotten(transactions: Database) -> None:
    await forgets("transactions", transactions)


async def test_everything_of_a_station_goes_with_it(devices: Database) -> None:
    """But what says otherwise."""
    of_station = [
        table for table in Base.metadata.sorted_tables if "station_id" in table.c and table.name not in KEPT_ELSEWHERE
    ]
    now = utcnow()
    async with devices.transaction() as session:
        for name in ("CS1", "CS2"):
            rows = made(name, now, station_id=name)
            for table in of_station:
                if table.name != "station_texts":  # triggers write it
                    await session.execute(sa.insert(table), rows.of(table))
        await station_rows.remove(session, "CS1", now)
    async with devices.reading() as session:
        left = {table.name: set((await session.scalars(sa.select(table.c.station_id))).all()) for table in of_station}
    assert {name for name, ids in left.items() if ids != {"CS2"}} == set()


@dataclass(frozen=True)
class Rows:
    """Rows that belong together: whatever is a key is the same."""

    key: str
    at: datetime
    station_id: str

    def of(self, table: sa.Table) -> dict[str, Any]:
        """A row of a table, with all that it must have, and all its times."""
        known = {
            "station_id": self.station_id,
            "state": _STATES.get(table.name, "x"),
            "outcome": "result",
            "at_us": to_us(self.at),
            "day": day_of(self.at),
        }
        return {
            column.name: known.get(column.name, self._value(column))
            for column in table.columns
            if not column.nullable or isinstance(column.type, UtcDateTime)
        }

    def _value(self, column: sa.Column[Any]) -> Any:
        kind = column.type
        if isinstance(kind, UtcDateTime):
            return self.at
        if isinstance(kind, Json | PackedJson):
            return {}
        if isinstance(kind, sa.Boolean):
            return column.name == "deleted"  # of auth's stations
        if isinstance(kind, sa.LargeBinary):
            return b"{}"
        if isinstance(kind, sa.String):
            return self.key
        return next(_numbers) if column.name in {"id", "transaction_id", "epoch"} else 1


_STATES = {"transactions": "Ended", "calls": "completed"}


def made(key: str, at: datetime, station_id: str | None = None) -> Rows:
    return Rows(key, at, station_id or f"CS-{key}")
