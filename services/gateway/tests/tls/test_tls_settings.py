"""Settings with which a gateway starts, or does not."""

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from csms_gateway.settings import GatewaySettings
from csms_testing.pki import Pki, trusted_pem
from pydantic import ValidationError

if TYPE_CHECKING:
    from conftest import StartTls


def test_a_gateway_listens_somewhere() -> None:
    with pytest.raises(ValidationError, match="CSMS_OCPP_TLS_PORT"):
        GatewaySettings(ocpp_plain=False)


async def test_tls_needs_certificates(start_tls: "StartTls") -> None:
    with pytest.raises(ValueError, match="CSMS_OCPP_TLS_CERTIFICATES"):
        await start_tls(ocpp_tls_certificates=[])


async def test_a_missing_or_foreign_key_stops_the_start(start_tls: "StartTls", made_pki: Pki) -> None:
    rsa, ecdsa = made_pki.servers
    with pytest.raises(OSError, match="certificate"):
        await start_tls(ocpp_tls_certificates=[{"certificate": rsa.certificate, "key": ecdsa.key}])
    with pytest.raises(FileNotFoundError):
        await start_tls(ocpp_tls_certificates=[{"certificate": rsa.certificate, "key": "/nowhere"}])


async def test_a_certificate_that_only_openssl_reads_stops_the_start(start_tls: "StartTls", made_pki: Pki) -> None:
    rsa, _ = made_pki.servers
    certificate = made_pki.write("trusted.pem", trusted_pem(rsa.certificate.read_bytes()))
    with pytest.raises(OSError, match=r"trusted\.pem does not begin with a certificate"):
        await start_tls(ocpp_tls_certificates=[{"certificate": certificate, "key": rsa.key}])


async def test_an_encrypted_key_is_refused_rather_than_asked_about(start_tls: "StartTls", made_pki: Pki) -> None:
    issued = made_pki.root.issue("localhost", names=["localhost"])
    how = BestAvailableEncryption(b"secret")
    key = made_pki.write("locked.key", issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
    certificate = made_pki.write("locked.pem", issued.pem)
    with pytest.raises(OSError, match="encrypted"):
        await start_tls(ocpp_tls_certificates=[{"certificate": certificate, "key": key}])
