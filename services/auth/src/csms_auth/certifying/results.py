"""Reads the outcomes of the CALLs that auth ordered, and hears of stations that connect (group "auth-results")."""

from collections.abc import Callable, Sequence

import structlog
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import ConnectionState
from csms_bus.ports import Incoming, Outgoing
from csms_db import outbox
from csms_db.engine import Database, WriteSession
from csms_runtime import metrics
from csms_runtime.clock import utcnow

from csms_auth import domain_events
from csms_auth.certifying.delivering import AFTER_CONNECTING, AFTER_CONNECTING_AGAIN, delivered
from csms_auth.certifying.orders import ORIGIN
from csms_auth.domain.certificates import Certificate, CertificateState
from csms_auth.store import certificates, tables
from csms_auth.versions import DELIVER_ACTIONS

_RESULTS = {CertificateState.ACCEPTED: "accepted", CertificateState.REJECTED: "rejected"}
"""The states that are counted under their name. Any other delivery is tried again."""

_log = structlog.get_logger(__name__)


class ResultsConsumer:
    """The batch handler. Idempotent: an outcome counts once, for the CALL that has none yet."""

    def __init__(self, database: Database, *, wake_outbox: Callable[[], None]) -> None:
        """`wake_outbox` is called after events were stored."""
        self._database = database
        self._wake_outbox = wake_outbox

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch. Raises DatabaseUnavailable (a Later)."""
        records = [incoming.record for incoming in batch if incoming.record is not None]
        results = [record for record in records if _is_delivery(record)]
        connected = {record.station_id for record in records if _is_opening(record)}
        if results or connected:
            async with self._database.transaction() as session:
                changed = await self._apply(session, results)
                now = utcnow()
                await certificates.connected(
                    session, connected, now + AFTER_CONNECTING, under_way_due_at=now + AFTER_CONNECTING_AGAIN
                )
            self._wake_outbox()
            for certificate in changed:
                _tell(certificate)
        return []

    async def _apply(self, session: WriteSession, results: Sequence[Record]) -> list[Certificate]:
        under_way = await certificates.ordered(session, {_call_id(record) for record in results})
        changed = []
        for record in results:
            certificate = under_way.pop(_call_id(record), None)
            if certificate is not None and certificate.state is CertificateState.ISSUED:
                changed.append(delivered(certificate, record.command_result, utcnow()))
        await certificates.save(session, changed)
        refused = [each for each in changed if each.state is CertificateState.REJECTED]
        told = [
            domain_events.certificate_refused(each.station_id, each.certificate_type, each.reason) for each in refused
        ]
        await outbox.add(session, tables.outbox, told)
        return changed


def _is_delivery(record: Record) -> bool:
    command = record.command_result.command
    return command.origin == ORIGIN and command.action in DELIVER_ACTIONS


def _is_opening(record: Record) -> bool:
    connection = record.connection
    return connection.state == ConnectionState.CONNECTION_STATE_OPEN and not connection.refresh


def _call_id(record: Record) -> str:
    return record.command_result.command.correlation_id


def _tell(certificate: Certificate) -> None:
    result = _RESULTS.get(certificate.state, "not delivered")
    metrics.AUTH_CERTIFICATES.labels(certificate.certificate_type, result).inc()
    _log.info(
        "certificate delivered" if certificate.state is CertificateState.ACCEPTED else "certificate not delivered",
        station_id=certificate.station_id,
        serial_number=certificate.serial_number,
        state=certificate.state,
        reason=certificate.reason,
    )
