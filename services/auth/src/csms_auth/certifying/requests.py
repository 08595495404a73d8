"""Records the certificates that stations ask for, each request once."""

from collections.abc import Sequence

from csms_bus.ports import Outgoing
from csms_db.engine import WriteSession

from csms_auth import domain_events
from csms_auth.domain.certificates import Certificate, CertificateRequest, RequestState, merge
from csms_auth.store import certificate_requests, certificates


async def record_requests(session: WriteSession, requests: Sequence[CertificateRequest]) -> list[Outgoing]:
    """Store requests in their order; return the events of those that are refused."""
    if not requests:
        return []
    known = await certificate_requests.lock(session, {request.station_id for request in requests})
    ids = {request.certificate_id for request in known.values() if request.certificate_id is not None}
    signed = await certificates.lock(session, ids)
    stored: dict[tuple[str, str], CertificateRequest] = {}
    changed: dict[str, Certificate] = {}
    told = []
    for new in requests:
        key = new.station_id, new.certificate_type
        present = known.get(key)
        merged = merge(present, signed.get(present.certificate_id or "") if present else None, new)
        if merged is None:
            continue
        known[key] = stored[key] = merged.request
        if merged.certificate is not None:
            certificate_id = merged.certificate.certificate_id
            signed[certificate_id] = changed[certificate_id] = merged.certificate
        if merged.request is new and new.state is RequestState.REFUSED and merged.is_news:
            told.append(domain_events.certificate_refused(*key, new.reason))
    await certificate_requests.save(session, stored.values())
    await certificates.save(session, changed.values())
    return told
