"""FirmwareStatusNotification, PublishFirmwareStatusNotification, LogStatusNotification (L01, L03, N01)."""

from functools import partial
from typing import Any

import orjson
from csms_db.packed import pack

from csms_device_mgmt.boot.boot import Boot
from csms_device_mgmt.jobs import job_rows
from csms_device_mgmt.jobs.course import IDLE, Course, JobKind, after_report
from csms_device_mgmt.monitoring.recorded_messages import record
from csms_device_mgmt.station_message import Answer, Handler, StationMessage
from csms_device_mgmt.tables import Job
from csms_device_mgmt.unit import Unit

BOOTED = "Booted"
"""A step that is not a status of OCPP: the station booted while the update was under way."""


def followed(course: Course) -> Handler:
    """Return the handler of the notification of a kind of job."""

    async def handle(unit: Unit, message: StationMessage) -> Answer:
        await record(unit, message)
        if message.payload["status"] != IDLE:
            await _move(unit, message, course)
        return {}

    return handle


async def _move(unit: Unit, message: StationMessage, course: Course) -> None:
    status = message.payload["status"]
    job = await _concerned(unit, message, course.kind)
    if job is not None and await _add_step(unit, message, job, status):
        job.status = status
        job.state = after_report(course, status).value
        job.updated_at = message.received_at


async def _concerned(unit: Unit, message: StationMessage, kind: JobKind) -> Job | None:
    """Return the job a notification is about.

    Stations must name it (L01.FR.20, N01.FR.13); one that does not means the newest, while that is not over. A job that
    nobody here asked for is shown, too.
    """
    request_id = message.payload.get("requestId")
    if request_id is None:
        return await job_rows.current(unit.session, message.station_id, kind)
    found = await job_rows.find(unit.session, message.station_id, kind, request_id, lock=True)
    if found is not None:
        return found
    unit.kept(message.station_id, 0)
    return await job_rows.begin(
        unit.session, message.station_id, kind, request_id, call_id=None, request=None, now=unit.now
    )


async def _add_step(unit: Unit, message: StationMessage, job: Job, status: str) -> bool:
    shown = await message.redacted()
    detail = {name: value for name, value in shown.items() if name not in {"status", "requestId"}}
    text = orjson.dumps(detail)
    packed = await message.work(partial(pack, text))
    unit.kept(message.station_id, len(packed))
    return await job_rows.add_step(unit.session, _step(message, job, status, packed, len(text)))


async def booted(unit: Unit, message: StationMessage, boot: Boot) -> None:
    """Note a boot in the history of the newest firmware update under way: it is what that may have waited for."""
    job = await job_rows.current(unit.session, message.station_id, JobKind.FIRMWARE_UPDATE)
    if job is not None:
        detail = {"reason": boot.reason, "firmwareVersion": boot.firmware_version}
        unit.kept(message.station_id, 0)
        text = orjson.dumps(detail)
        await job_rows.add_step(unit.session, _step(message, job, BOOTED, text, len(text)))


def _step(message: StationMessage, job: Job, status: str, detail: bytes, size: int) -> dict[str, Any]:
    """`detail` is JSON of that size, or what csms_db.packed made of it."""
    return {
        "record_id": message.record_id,
        "station_id": job.station_id,
        "kind": job.kind,
        "request_id": job.request_id,
        "action": message.action,
        "status": status,
        "detail": detail,
        "size": size,
        "received_at": message.received_at,
    }
