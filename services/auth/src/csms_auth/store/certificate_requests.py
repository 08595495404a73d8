"""Keeps the newest certificate signing request of each station and kind."""

from collections.abc import Collection
from dataclasses import asdict

from csms_db.engine import WriteSession
from csms_db.sql import insert

from csms_auth.domain.certificates import CertificateRequest
from csms_auth.store.tables import certificate_requests


async def save(session: WriteSession, requests: Collection[CertificateRequest]) -> None:
    """Store the requests; of one station and kind the last one given stays."""
    newest = {(request.station_id, request.certificate_type): request for request in requests}
    if not newest:
        return
    statement = insert(session, certificate_requests)
    statement = statement.on_conflict_do_update(
        index_elements=[certificate_requests.c.station_id, certificate_requests.c.certificate_type],
        set_={"csr": statement.excluded.csr, "received_at": statement.excluded.received_at},
    )
    await session.execute(statement, [asdict(request) for request in newest.values()])
