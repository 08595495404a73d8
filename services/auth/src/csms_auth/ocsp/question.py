"""What a station asks of OCSP responders (GetCertificateStatus, GetCertificateChainStatus), and what it may be told."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from csms_auth.handlers.payloads import Status

_ALGORITHMS: Mapping[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}
_HEX = re.compile(r"[0-9A-Fa-f]+")
_MAX_SERIAL = 40
"""Hexadecimal digits of a serial number: 20 octets (RFC 5280)."""
CLOCK_SKEW = timedelta(minutes=5)
"""How far a responder's clock may be ahead of ours."""
LONGEST_WITHOUT_END = timedelta(days=1)
"""How old an answer may be that has no nextUpdate: newer ones are there all the time (RFC 6960, 4.2.2.1)."""
_NAMES: Mapping[ocsp.OCSPCertStatus, str] = {
    ocsp.OCSPCertStatus.GOOD: "Good",
    ocsp.OCSPCertStatus.REVOKED: "Revoked",
    ocsp.OCSPCertStatus.UNKNOWN: "Unknown",
}
"""OCPP 2.1's CertificateStatusEnumType."""


class BadQuestion(Exception):  # noqa: N818 says what is the case
    """The station's data are not good enough to ask with."""


class BadResponse(Exception):  # noqa: N818 as above
    """The responder's answer does not fit the question."""


@dataclass(frozen=True, slots=True)
class Question:
    """OCPP's OCSPRequestDataType, read."""

    responder_url: str
    algorithm: str
    """"SHA256", "SHA384" or "SHA512"."""
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial_number: int

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Question":
        """Read a station's ocspRequestData, valid by its JSON schema. Raises BadQuestion."""
        algorithm = str(data["hashAlgorithm"])
        size = _ALGORITHMS[algorithm].digest_size
        serial = str(data["serialNumber"])
        if not _HEX.fullmatch(serial) or len(serial) > _MAX_SERIAL:
            raise BadQuestion("serialNumber is not hexadecimal")
        return cls(
            responder_url=str(data["responderURL"]),
            algorithm=algorithm,
            issuer_name_hash=_hash(data, "issuerNameHash", size),
            issuer_key_hash=_hash(data, "issuerKeyHash", size),
            serial_number=int(serial, 16),
        )

    def request(self) -> bytes:
        """Return the OCSPRequest, DER."""
        builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            self.issuer_name_hash, self.issuer_key_hash, self.serial_number, _ALGORITHMS[self.algorithm]
        )
        return builder.build().public_bytes(Encoding.DER)

    def check(self, response: bytes, now: datetime) -> datetime | None:
        """Take an OCSPResponse (DER) for an answer to this question; return until when it holds, if it says so.

        Its signature is for the vehicle to verify, to which the station hands it on: the issuer is not known here.
        An answer that holds no longer, or not yet, says nothing of the certificate's status now (RFC 6960, 3.2).
        Raises BadResponse.
        """
        try:
            read = ocsp.load_der_ocsp_response(response)
            if read.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
                raise BadResponse(f"the responder says {read.response_status.name}")
            about = [single for single in read.responses if single.serial_number == self.serial_number]
            times = [(single.this_update_utc, single.next_update_utc) for single in about]
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BadResponse("the responder's answer is no OCSP response") from error
        if not about:
            raise BadResponse("the responder's answer is about another certificate")
        holding = [until for since, until in times if _holds(since, until, now)]
        if not holding:
            raise BadResponse("the responder's answer is out of date")
        return holding[0]

    def status(self, response: bytes, now: datetime) -> Status:
        """Return what an answer that was checked says, and until when it holds. Raises BadResponse: it doesn't now."""
        for single in ocsp.load_der_ocsp_response(response).responses:
            since, until = single.this_update_utc, single.next_update_utc
            if single.serial_number == self.serial_number and _holds(since, until, now):
                return Status(_NAMES[single.certificate_status], until or since + LONGEST_WITHOUT_END, response)
        raise BadResponse("the responder's answer is out of date")


def _holds(since: datetime, until: datetime | None, now: datetime) -> bool:
    """Whether an answer may be passed on: one that does not say until when it holds is one of just now."""
    last = since + LONGEST_WITHOUT_END if until is None else until
    return since - CLOCK_SKEW <= now <= last


def _hash(data: Mapping[str, Any], name: str, size: int) -> bytes:
    text = str(data[name])
    if not _HEX.fullmatch(text) or len(text) != 2 * size:
        raise BadQuestion(f"{name} is not a hash of {size} octets in hexadecimal")
    return bytes.fromhex(text)
