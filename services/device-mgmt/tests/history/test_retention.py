"""What is older than it is to be kept is deleted, and nothing else."""

import asyncio
from datetime import timedelta

import pytest
from csms_db.retention import Retention
from csms_device_mgmt.commands import call_rows
from csms_device_mgmt.dead_letters import dead_letter_rows
from csms_device_mgmt.history.retention import kept
from csms_device_mgmt.jobs import job_rows
from csms_device_mgmt.jobs.course import JobKind
from csms_device_mgmt.monitoring import notification_rows
from csms_device_mgmt.refused_messages import refused_message_rows
from csms_device_mgmt.reports import report_rows
from csms_device_mgmt.settings import DeviceSettings
from csms_device_mgmt.tables import Call, DeadLetter, Job, JobStep, Notification, RefusedMessage, Report, ReportPart
from csms_runtime.clock import utcnow
from sqlalchemy import func, select

OLD, RECENT = timedelta(days=31), timedelta(days=29)


def keeping(**days: int) -> DeviceSettings:
    names = ("calls", "notifications", "reports")
    return DeviceSettings(**{f"keep_{name}_days": days.get(name, 0) for name in names})


async def add_call(session, call_id, at, state="completed"):
    row = {
        "call_id": call_id,
        "station_id": "CS1",
        "action": "Reset",
        "protocol": "ocpp2.0.1",
        "request": {},
        "state": state,
        "origin": "device-mgmt",
        "created_at": at,
        "deadline_at": at,
    }
    assert await call_rows.add(session, row)


async def add_notification(session, record_id, at):
    row = {"record_id": record_id, "station_id": "CS1", "action": "SecurityEventNotification"}
    row |= {"protocol": "ocpp2.0.1", "payload": {}, "size": 2, "received_at": at}
    assert await notification_rows.add(session, row)


async def add_refused(session, record_id, at):
    row = {"record_id": record_id, "station_id": "CS1", "protocol": "ocpp2.0.1", "connection_id": "c1"}
    row |= {"kind": "invalid_frame", "action": "", "code": "", "detail": "", "received_at": at}
    await refused_message_rows.add(session, row)


async def add_report(session, request_id, at):
    row = await report_rows.begin(session, "CS1", request_id, kind="GetBaseReport", call_id=None, now=at)
    key = {"station_id": "CS1", "message": row.message, "request_id": request_id}
    for seq_no in range(2):
        part = {"seq_no": seq_no, "tbc": seq_no == 0, "entries": [], "size": 2, "entry_count": 0, "received_at": at}
        await report_rows.add_part(session, {**key, **part})


async def add_job(session, request_id, at):
    kind = JobKind.LOG
    await job_rows.begin(session, "CS1", kind, request_id, call_id=None, request=None, now=at)
    step = {"record_id": f"step-{request_id}", "station_id": "CS1", "kind": kind.value, "request_id": request_id}
    step |= {"action": "LogStatusNotification", "status": "Uploaded", "detail": {}, "size": 2, "received_at": at}
    assert await job_rows.add_step(session, step)


@pytest.fixture
async def history(units):
    """Two of each kind, one older than 30 days."""
    async with units.open() as unit:
        for number, age in ((1, OLD), (2, RECENT)):
            at = utcnow() - age
            await add_call(unit.session, f"call-{number}", at)
            await add_notification(unit.session, f"record-{number}", at)
            await add_refused(unit.session, f"record-{number}", at)
            await add_report(unit.session, number, at)
            await add_job(unit.session, number, at)


@pytest.fixture
def count(units):
    async def rows(table):
        async with units.reading() as session:
            return await session.scalar(select(func.count()).select_from(table))

    return rows


@pytest.mark.usefixtures("history")
async def test_what_is_too_old_goes(units, database, count):
    keep = Retention(database, kept(keeping(calls=30, notifications=30, reports=30)))
    assert await keep.apply() == {"calls": 1, "notifications": 1, "refused_messages": 1, "reports": 1, "jobs": 1}
    tables = (Call, Notification, RefusedMessage, Report, ReportPart, Job, JobStep)
    assert [await count(table) for table in tables] == [
        1,
        1,
        1,
        1,
        2,
        1,
        1,
    ]
    async with units.reading() as session:
        assert await call_rows.find(session, "call-2") is not None
        assert await report_rows.find(session, "CS1", 2) is not None
        assert await job_rows.find(session, "CS1", JobKind.LOG, 2) is not None
    assert await keep.apply() == {}


@pytest.mark.usefixtures("history")
async def test_each_kind_has_its_own_time(database, count):
    found = await Retention(database, kept(keeping(notifications=30))).apply()
    assert found == {"notifications": 1, "refused_messages": 1}
    assert await count(Call) == 2


@pytest.mark.usefixtures("history")
async def test_0_keeps_it_for_ever(database, count):
    assert await Retention(database, kept(keeping())).apply() == {}
    assert await count(Call) == 2


async def test_a_call_that_is_open_is_kept(units, database, count):
    async with units.open() as unit:
        await add_call(unit.session, "open", utcnow() - OLD, state="open")
    assert await Retention(database, kept(keeping(calls=30))).apply() == {}
    assert await count(Call) == 1


async def test_as_many_batches_as_it_takes_but_not_without_end(units, database, count):
    async with units.open() as unit:
        for number in range(9):
            await add_call(unit.session, f"call-{number}", utcnow() - OLD - timedelta(minutes=number))
    keep = Retention(database, kept(keeping(calls=30)), batch=2, most_batches=3)
    assert await keep.apply() == {"calls": 6}
    async with units.reading() as session:  # the oldest went first
        assert [await call_rows.find(session, f"call-{number}") is None for number in range(9)] == [False] * 3 + [
            True
        ] * 6
    assert await keep.apply() == {"calls": 3}
    assert await count(Call) == 0


def test_defaults():
    settings = DeviceSettings()
    assert (settings.keep_calls_days, settings.keep_notifications_days, settings.keep_reports_days) == (90, 90, 90)


async def test_dead_letters_grow_old(units, database, count):
    async with units.open() as unit:
        for number, age in enumerate((OLD, OLD, RECENT)):
            row = {"record_id": f"r{number}", "station_id": "CS1", "topic": "t", "partition": 0, "offset": number}
            row |= {"group": "g", "reason": "why", "value": b"", "size": 0, "died_at": utcnow() - age}
            await dead_letter_rows.add(unit.session, [row])
    keep = Retention(database, kept(DeviceSettings(keep_dead_letters_days=30)))
    assert await keep.apply() == {"dead_letters": 2}
    assert await count(DeadLetter) == 1
    assert await keep.apply() == {}


async def test_it_goes_on_until_it_is_stopped(units, database, count):
    async with units.open() as unit:
        await add_call(unit.session, "old", utcnow() - OLD)
    stop = asyncio.Event()
    running = asyncio.create_task(Retention(database, kept(keeping(calls=30))).run(stop))
    async with asyncio.timeout(10):
        while await count(Call):  # noqa: ASYNC110 a database tells nobody
            await asyncio.sleep(0.01)
    stop.set()
    await running
