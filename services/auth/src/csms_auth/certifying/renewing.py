"""Has stations ask for a new certificate before the one that they use ends (A02)."""

from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from csms_bus.ports import Outgoing
from csms_db import outbox
from csms_db.engine import Database
from csms_runtime.clock import utcnow
from csms_runtime.ids import new_id

from csms_auth import versions
from csms_auth.certifying.orders import order
from csms_auth.domain.certificates import Certificate
from csms_auth.store import certificates, tables

BATCH = 100
ASK_AGAIN = timedelta(days=1)

_log = structlog.get_logger(__name__)


async def order_renewals(database: Database, before_end: timedelta) -> int:
    """Trigger up to 100 stations whose certificate ends within `before_end`, each once a day; return how many.

    Those whose certificate has ended are asked when nobody else is to be. Raises DatabaseUnavailable.
    """
    now = utcnow()
    async with database.transaction() as session:
        found = await certificates.to_renew(
            session, now, expiring_before=now + before_end, asked_before=now - ASK_AGAIN, limit=BATCH
        )
        await certificates.save(session, [replace(each, renewal_at=now) for each in found])
        await outbox.add(session, tables.outbox, [_order(each, now) for each in found])
    for each in found:
        _log.info("certificate to be renewed", station_id=each.station_id, not_after=each.not_after.isoformat())
    return len(found)


def _order(certificate: Certificate, now: datetime) -> Outgoing:
    forms = versions.together(lambda version: version.renew(certificate.certificate_type))
    return order(certificate.station_id, new_id(), forms, now)
