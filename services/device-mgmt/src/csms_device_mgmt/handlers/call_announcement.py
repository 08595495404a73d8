"""Announcements of CALLs that other services are going to send: in the history before they are sent."""

import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import CallAnnounced, CallAnnouncement, CallError, CommandResult, Outcome, StationCommand
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_runtime.clock import to_ms

from csms_device_mgmt import messages
from csms_device_mgmt.consequences.executed import Executed
from csms_device_mgmt.domain.registration import Registration, refusal
from csms_device_mgmt.json import loads
from csms_device_mgmt.outcomes import OUTCOMES, settle
from csms_device_mgmt.redacted import redacted
from csms_device_mgmt.store import calls, stations
from csms_device_mgmt.store.calls import CallOutcome, CallState, Completion
from csms_device_mgmt.store.tables import Call
from csms_device_mgmt.unit import Unit

_REFUSALS = {
    Registration.PENDING: CallAnnounced.VERDICT_STATION_PENDING,
    Registration.REJECTED: CallAnnounced.VERDICT_STATION_REJECTED,
}
_OUTCOMES = {outcome.value: number for number, outcome in OUTCOMES.items()}


async def handle(unit: Unit, record: Record) -> list[Outgoing]:
    """Record the call and return the answer, to be published after the commit. Too late to matter: nothing."""
    announcement = record.call_announcement
    if announcement.deadline_ms < to_ms(unit.now):
        return []
    announced = await _announced(unit, record.station_id, announcement)
    announced.correlation_id = announcement.correlation_id
    answer = new_record(record.station_id, traceparent=record.traceparent, call_announced=announced)
    return [Outgoing(announcement.reply_to.topic, answer, partition=announcement.reply_to.partition)]


async def _announced(unit: Unit, station_id: str, announcement: CallAnnouncement) -> CallAnnounced:
    command = announcement.command
    payload = loads(command.payload)
    station = await stations.find(unit.session, station_id)
    if station is None:
        return CallAnnounced(verdict=CallAnnounced.VERDICT_UNKNOWN_STATION)
    status = messages.registration_status_of(station)
    if refusal(status, command.action, payload) is not None:
        return CallAnnounced(verdict=_REFUSALS[status])
    timeout_s = command.timeout_ms / 1000 or station.message_timeout_s or unit.settings.call_timeout_s
    columns = _columns(unit, station_id, announcement, payload, timeout_s)
    if await calls.add(unit.session, columns) is None:
        earlier = await calls.find(unit.session, command.correlation_id)
        earlier = earlier or await calls.by_key(unit.session, station_id, announcement.idempotency_key)
        if earlier is not None and earlier.call_id != command.correlation_id:
            return _repeat(earlier, same=earlier.fingerprint == columns["fingerprint"])
    if announcement.not_connected:
        await _not_sent(unit, station_id, command, payload)
    return CallAnnounced(verdict=CallAnnounced.VERDICT_RECORDED, timeout_ms=int(timeout_s * 1000))


def _columns(
    unit: Unit, station_id: str, announcement: CallAnnouncement, payload: Mapping[str, Any], timeout_s: float
) -> dict[str, Any]:
    command = announcement.command
    return {
        "call_id": command.correlation_id,
        "station_id": station_id,
        "action": command.action,
        "protocol": command.protocol,
        "request": redacted(command.protocol, command.action, payload),
        "state": CallState.OPEN.value,
        "requested_by": announcement.requested_by or None,
        "origin": command.origin,
        "idempotency_key": announcement.idempotency_key or None,
        "fingerprint": _fingerprint(unit.secret_key, command.action, payload),
        "created_at": unit.now,
        "deadline_at": unit.now + timedelta(seconds=timeout_s + unit.settings.call_grace_s),
    }


def _fingerprint(key: bytes, action: str, payload: Mapping[str, Any]) -> str:
    """A remoteStartId is chosen anew for each request, so that it tells nothing about what was asked."""
    asked = {name: value for name, value in payload.items() if name != "remoteStartId"}
    return hmac.digest(key, orjson.dumps([action, asked], option=orjson.OPT_SORT_KEYS), "sha256").hex()


async def _not_sent(unit: Unit, station_id: str, command: StationCommand, payload: Mapping[str, Any]) -> None:
    completion = Completion(CallOutcome.NOT_CONNECTED, unit.now)
    executed = Executed(command.correlation_id, station_id, command.protocol, command.action, payload, completion)
    await settle(unit, executed)


def _repeat(row: Call, *, same: bool) -> CallAnnounced:
    verdict = CallAnnounced.VERDICT_REPEAT if same else CallAnnounced.VERDICT_KEY_REUSED
    return CallAnnounced(verdict=verdict, earlier=_result(row))


def _result(row: Call) -> CommandResult:
    result = CommandResult(
        command=StationCommand(
            correlation_id=row.call_id, protocol=row.protocol, action=row.action, payload=orjson.dumps(row.request)
        ),
        outcome=_OUTCOMES[row.outcome] if row.outcome else Outcome.OUTCOME_UNSPECIFIED,
        payload=orjson.dumps(row.response) if row.response is not None else b"",
        sent_at_ms=to_ms(row.sent_at) if row.sent_at else 0,
        completed_at_ms=to_ms(row.completed_at) if row.completed_at else 0,
    )
    if row.error is not None:
        details = orjson.dumps(row.error["details"])
        error = CallError(code=row.error["code"], description=row.error["description"], details=details)
        result.error.CopyFrom(error)
    return result
