"""Makes the domain events of auth for the outbox."""

from typing import Any

from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import (
    AuthorizationDecided,
    CertificateIssued,
    CertificateRefused,
    CertificateRevoked,
    ConnectionRefused,
    DomainEvent,
    IdTokenChanged,
    PasswordChanged,
)
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import EVENTS_AUTH
from csms_runtime.clock import now_ms, to_ms
from csms_runtime.ids import new_id

from csms_auth.domain.certificates import Certificate
from csms_auth.domain.connections import Refused
from csms_auth.domain.tokens import CENTRAL, KEY_CODE, Answer, Token, TokenRef, Why

UNDECIDED = "Undecided"
"""The status in events while nobody has decided."""
MAX_KEY = 255
"""Characters of a key that the outbox can hold."""


def connection_refused(station_id: str, refused: Refused, remote_address: str) -> Outgoing:
    """Return the event of a refused connection."""
    told = ConnectionRefused(
        http_status=refused.http_status,
        reason=refused.reason,
        remote_address=remote_address,
        security_event=refused.security_event,
    )
    event = DomainEvent(event_id=new_id(), occurred_at_ms=now_ms(), station_id=station_id, connection_refused=told)
    return Outgoing(EVENTS_AUTH.name, new_record(station_id, event=event))


def authorization_decided(record: Record, token: TokenRef, answer: Answer | None) -> Outgoing:
    """Return the event of what a station was told of a token in this Authorize. A key code is masked (C04.FR.04).

    `answer` None: nobody waits for it any more. The event's id is made from the record's: it tells repeats.
    """
    asked_at = record.station_call.received_at_ms
    told = AuthorizationDecided(
        id_token=token.shown,
        id_token_type=token.type or (answer.type if answer else ""),
        status=answer.status if answer else UNDECIDED,
        reason=answer.why if answer else Why.AUTH_AWAY,
        purpose="authorize",
        asked_at_ms=asked_at,
    )
    if answer is not None and answer.group_id:
        told.group_id_token, told.group_id_token_type = answer.group_id, CENTRAL
    event = DomainEvent(
        event_id=f"{record.record_id}:decided",
        occurred_at_ms=asked_at,
        station_id=record.station_id,
        authorization_decided=told,
    )
    return Outgoing(EVENTS_AUTH.name, new_record(record.station_id, event=event))


def id_token_changed(token: Token, *, deleted: bool = False) -> Outgoing:
    """Return the event of a token created, changed or deleted. A key code is masked (C04.FR.04).

    It is about no station: the key is the token, so that the events of one token stay in order.
    """
    ref = token.ref
    told = IdTokenChanged(id_token=ref.shown, type=ref.type, status=token.status, deleted=deleted)
    event = DomainEvent(event_id=new_id(), occurred_at_ms=now_ms(), id_token_changed=told)
    key = ref.type if ref.type == KEY_CODE else f"{ref.type}/{ref.key}"
    return Outgoing(EVENTS_AUTH.name, new_record("", event=event), key=key[:MAX_KEY])


def password_changed(station_id: str, *, password_set: bool, revision: int) -> Outgoing:
    """Return the event of a password that was set or deleted at /stations/{id}/credentials."""
    return _of_station(station_id, password_changed=PasswordChanged(password_set=password_set, revision=revision))


def certificate_issued(certificate: Certificate) -> Outgoing:
    """Return the event of a certificate that was signed for a station and is on its way to it."""
    told = CertificateIssued(
        certificate_type=certificate.certificate_type,
        serial_number=certificate.serial_number,
        subject=certificate.subject,
        not_after_ms=to_ms(certificate.not_after),
    )
    return _of_station(certificate.station_id, certificate_issued=told)


def certificate_refused(station_id: str, certificate_type: str, reason: str) -> Outgoing:
    """Return the event of a request for a certificate that is refused, or of a certificate the station did not take."""
    told = CertificateRefused(certificate_type=certificate_type, reason=reason)
    return _of_station(station_id, certificate_refused=told)


def certificate_revoked(certificate: Certificate) -> Outgoing:
    """Return the event of a certificate that was revoked."""
    told = CertificateRevoked(serial_number=certificate.serial_number, reason=certificate.reason)
    return _of_station(certificate.station_id, certificate_revoked=told)


def _of_station(station_id: str, **body: Any) -> Outgoing:  # noqa: ANN401 a message of protobuf
    event = DomainEvent(event_id=new_id(), occurred_at_ms=now_ms(), station_id=station_id, **body)
    return Outgoing(EVENTS_AUTH.name, new_record(station_id, event=event))
