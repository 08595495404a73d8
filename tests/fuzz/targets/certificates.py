"""Certificates, requests for them, and what responders say of them."""

import re
from datetime import UTC, datetime
from http import HTTPStatus

from csms.v1.auth_pb2 import ConnectionRequest
from csms_auth import bus_messages
from csms_auth.domain.connections import Allowed, Rules, decide
from csms_auth.domain.stations import Registration as Registered
from csms_auth.domain.stations import Station
from csms_auth.ocsp.question import BadResponse, Question
from csms_auth.pki import csr
from csms_auth.pki.ports import CertificateType
from csms_runtime.settings import UnknownStations


def signing_request(data: bytes) -> None:
    """The CSR of a SignCertificate; a signed one is for the station alone."""
    text = data.decode(errors="replace")
    for kind in CertificateType:
        try:
            request = csr.signing_request(text, kind, station_id="CS1", serial_number="SN1", organization="CSMS")
        except csr.BadCsr as error:
            assert len(str(error)) < 200
            continue
        assert request.common_name == "SN1"
        assert request.csr.is_signature_valid


_STATION = Station("CS1", security_profile=3, serial_number="SN1", registration=Registered.ACCEPTED)
_CONNECTION_RULES = Rules(UnknownStations.REJECT, datetime(2026, 11, 1, tzinfo=UTC), organization="CSMS")


def certificate(data: bytes) -> None:
    """The certificate (DER) that a station showed, and auth's decision."""
    attempt = bus_messages.attempt("CS1", ConnectionRequest(security_profile=3, client_certificate=data))
    decision = decide(attempt, _STATION, _CONNECTION_RULES)
    bus_messages.connection_decision("1", decision).SerializeToString()
    if isinstance(decision, Allowed):
        assert re.search(r"(?<![\w-])SN1(?![\w-])", decision.common_name)
    else:
        assert decision.http_status == HTTPStatus.FORBIDDEN


_QUESTION = Question("http://ocsp.example.org", "SHA256", bytes(32), bytes(32), 1)


def ocsp_response(data: bytes) -> None:
    """What an OCSP responder, whose address came from a station, answers (DER)."""
    try:
        until = _QUESTION.check(data, datetime.now(UTC))
    except BadResponse as error:
        assert len(str(error)) < 200
    else:
        assert until is None or until.utcoffset() is not None
