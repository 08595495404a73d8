"""Brings certificates to their stations, and says what follows from the outcome."""

from dataclasses import replace
from datetime import datetime, timedelta

import orjson
from csms.v1.station_pb2 import CommandResult, Outcome
from csms_bus.ports import Outgoing
from csms_db import outbox
from csms_db.engine import Database
from csms_runtime.clock import utcnow
from csms_runtime.ids import new_id

from csms_auth import domain_events, versions
from csms_auth.certifying.orders import OUTCOME_TIME, order
from csms_auth.domain.certificates import MOST_FAILURES, Certificate, not_taken, put_off, taken
from csms_auth.store import certificates, tables

BATCH = 100
AFTER_CONNECTING = timedelta(seconds=1)
"""A station gets nothing so soon after it connected: device-mgmt must hear of the connection first."""
AFTER_CONNECTING_AGAIN = timedelta(seconds=30)
"""So long after a station connected, the outcome of an earlier CALL may still come."""


async def order_due(database: Database) -> int:
    """Order the delivery of up to 100 certificates that are due. Return how many. Raises DatabaseUnavailable."""
    now = utcnow()
    async with database.transaction() as session:
        found = await certificates.due(session, now, limit=BATCH)
        expired = [not_taken(each, "it expired before it was delivered") for each in found if each.not_after <= now]
        ordered = [_ordered(each, now) for each in found if each.not_after > now]
        await certificates.save(session, [*expired, *ordered])
        told = [
            domain_events.certificate_refused(each.station_id, each.certificate_type, each.reason) for each in expired
        ]
        await outbox.add(session, tables.outbox, [*told, *(_order(each, now) for each in ordered)])
    return len(found)


def _ordered(certificate: Certificate, now: datetime) -> Certificate:
    # It becomes due again: if no outcome has come by then, the order or its outcome is lost.
    return replace(certificate, order_id=new_id(), attempts=certificate.attempts + 1, due_at=now + OUTCOME_TIME)


def _order(certificate: Certificate, now: datetime) -> Outgoing:
    forms = versions.together(lambda version: version.deliver(certificate))
    return order(certificate.station_id, certificate.order_id or "", forms, now)


def delivered(certificate: Certificate, result: CommandResult, now: datetime) -> Certificate:
    """Return the certificate after an attempt to deliver it."""
    if result.outcome == Outcome.OUTCOME_RESULT:
        return _answered(certificate, result)
    if result.outcome == Outcome.OUTCOME_ERROR and certificate.attempts >= MOST_FAILURES:
        return not_taken(certificate, _error(result))
    reasons = {
        Outcome.OUTCOME_NOT_CONNECTED: "the station is not connected",
        Outcome.OUTCOME_TIMEOUT: "the station did not answer",
        Outcome.OUTCOME_UNKNOWN: "it is not known whether the station got it",
    }
    return put_off(certificate, reasons.get(result.outcome, _error(result)), now)


def _answered(certificate: Certificate, result: CommandResult) -> Certificate:
    told = versions.of_result(result.command.protocol).read_delivery(orjson.loads(result.payload))
    if told.taken:
        return taken(certificate)
    reason = f"the station rejected it: {told.details}" if told.details else "the station rejected it"
    return not_taken(certificate, _shortened(reason))


def _error(result: CommandResult) -> str:
    return _shortened(f"the station answered {result.error.code}: {result.error.description}")


def _shortened(text: str) -> str:
    return text[:600]
