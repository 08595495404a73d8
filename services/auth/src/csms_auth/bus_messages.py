"""Turns the bus's protobuf messages into values of the domain, and answers into protobuf."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from csms.v1.auth_pb2 import (
    AuthorizationRequest,
    ConnectionDecision,
    ConnectionRequest,
    IdToken,
    IdTokenInfo,
    RegistrationStatus,
    StationAdmission,
    TokenQuestion,
)
from csms.v1.auth_pb2 import Placement as PlacementTold
from csms_runtime.clock import to_ms
from csms_runtime.money import written
from csms_runtime.texts import is_storable

from csms_auth.domain.client_certificates import ClientCertificate
from csms_auth.domain.connections import FORBIDDEN, Allowed, Attempt, Refused
from csms_auth.domain.placement import Placement
from csms_auth.domain.stations import Admission, Registration
from csms_auth.domain.tokens import CENTRAL, Answer, Question, TokenRef

_FROM_PROTO = {
    RegistrationStatus.REGISTRATION_STATUS_ACCEPTED: Registration.ACCEPTED,
    RegistrationStatus.REGISTRATION_STATUS_PENDING: Registration.PENDING,
    RegistrationStatus.REGISTRATION_STATUS_REJECTED: Registration.REJECTED,
}
_TO_PROTO = {registration: status for status, registration in _FROM_PROTO.items()}


def attempt(station_id: str, request: ConnectionRequest) -> Attempt:
    """Return what a gateway asks about a connection."""
    certificate = _certificate(request.client_certificate) if request.client_certificate else None
    return Attempt(
        station_id,
        request.security_profile,
        tuple(request.password_digests),
        certificate,
        request.current_digests,
        request.secret_key_id,
        tuple(request.protocols),
    )


def _certificate(der: bytes) -> ClientCertificate | None:
    try:
        certificate = x509.load_der_x509_certificate(der)
        common_names = _texts(certificate.subject, NameOID.COMMON_NAME)
        return ClientCertificate(
            common_name=common_names[0] if len(common_names) == 1 and is_storable(common_names[0]) else "",
            organizations=_texts(certificate.subject, NameOID.ORGANIZATION_NAME),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            fingerprint=certificate.fingerprint(hashes.SHA256()),
        )
    except (ValueError, TypeError, x509.InvalidVersion):  # a certificate with strange content raises these
        return None


def _texts(subject: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in subject.get_attributes_for_oid(oid)]


def connection_decision(correlation_id: str, decision: Allowed | Refused) -> ConnectionDecision:
    """Return the answer for the gateway."""
    if isinstance(decision, Refused):
        return ConnectionDecision(
            correlation_id=correlation_id, http_status=decision.http_status, reason=decision.reason
        )
    return ConnectionDecision(
        correlation_id=correlation_id,
        allowed=True,
        registration_status=_TO_PROTO[decision.registration],
        message_timeout_s=decision.message_timeout_s,
        certificate_common_name=decision.common_name,
        security_profile=decision.security_profile,
        protocol=decision.protocol,
    )


def spelled_otherwise(correlation_id: str, station_id: str) -> ConnectionDecision:
    """Return the answer that makes a gateway ask again with this spelling. An old gateway refuses the station."""
    reason = f"the station is spelled {station_id} here"
    return ConnectionDecision(
        correlation_id=correlation_id, http_status=FORBIDDEN, reason=reason, station_id=station_id
    )


def admission(station_id: str, told: StationAdmission) -> Admission:
    """Return a change of a station, as device-mgmt tells it."""
    return Admission(
        station_id=station_id,
        revision=told.revision,
        deleted=told.deleted,
        security_profile=told.security_profile,
        pending_security_profile=told.pending_security_profile,
        serial_number=told.serial_number,
        organization=told.organization,
        protocols=tuple(told.protocols),
        placement=_placement(told.placement) if told.HasField("placement") else None,
        registration=_FROM_PROTO.get(told.registration_status),
        message_timeout_s=told.message_timeout_s,
        new_password_digest=told.password_digest,
        pending_password_digest=told.pending_password_digest,
        dropped_password_digest=told.dropped_password_digest,
        secret_key_id=told.secret_key_id,
    )


def _placement(told: PlacementTold) -> Placement:
    return Placement(told.site_id, dict(told.labels))


def questions(request: AuthorizationRequest) -> list[Question]:
    """Return the questions of a request, in order."""
    return [_question(asked) for asked in request.questions]


def _question(asked: TokenQuestion) -> Question:
    return Question(TokenRef(asked.id_token.type, asked.id_token.id_token), asked.evse_id, asked.station_id)


def id_token_info(answer: Answer, token_key: str) -> IdTokenInfo:
    """Return an answer for other services. A field that is absent keeps protobuf's default."""
    return IdTokenInfo(
        status=answer.status,
        group_id_token=IdToken(id_token=answer.group_id, type=CENTRAL) if answer.group_id else None,
        cache_expiry_ms=to_ms(answer.cache_expiry) if answer.cache_expiry else 0,
        language1=answer.language1 or "",
        personal_message=answer.personal_message or "",
        evse_ids=answer.evse_ids,
        charging_priority=answer.charging_priority or 0,
        concurrent_tx_limit=answer.concurrent_tx_limit,
        token_key=token_key,
        id_token_type=answer.type,
        expires_ms=to_ms(answer.expires_at) if answer.expires_at else 0,
        reason=answer.why,
        credit=written(answer.credit.amount) if answer.credit else "",
        credit_currency=answer.credit.currency if answer.credit else "",
    )
