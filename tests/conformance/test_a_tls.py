"""Block A with TLS: versions, cipher suites, client certificates (security profiles 2 and 3)."""

import ssl
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from csms_testing.conformance.connector import TLS_REFUSED
from csms_testing.conformance.states import boot, booted

FORBIDDEN = 403
SUITES = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
]
"""Those that a CSMS must offer (A00.FR.318, .421), as OpenSSL names them."""
MIN_RSA_BITS, MIN_EC_BITS = 2048, 224


def only(context: ssl.SSLContext, suite: str) -> ssl.SSLContext:
    """Have a station offer nothing but one suite of TLS 1.2."""
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suite)
    return context


def too_old(context: ssl.SSLContext) -> ssl.SSLContext:
    """Have a station offer nothing newer than TLS 1.1."""
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def shown(station) -> tuple[ssl.SSLObject, x509.Certificate]:
    """The TLS connection of a station, and the certificate that the CSMS showed it."""
    tls = station.socket.transport.get_extra_info("ssl_object")
    return tls, x509.load_der_x509_certificate(tls.getpeercert(binary_form=True))


# ---- TC_A_04: server certificate -------------------------------------------------------------------------------------
@pytest.mark.parametrize("suite", SUITES)
async def test_tc_a_04_csms(tls_connect, suite):
    only(tls_connect.context, suite)
    async with tls_connect() as station:
        tls, certificate = shown(station)
        assert (tls.version(), tls.cipher()[0], tls.compression()) == ("TLSv1.2", suite, None)
        key = certificate.public_key()
        if "ECDSA" in suite:
            assert isinstance(key, ec.EllipticCurvePublicKey)
            assert key.key_size >= MIN_EC_BITS
        else:
            assert isinstance(key, rsa.RSAPublicKey)
            assert key.key_size >= MIN_RSA_BITS
        assert certificate.serial_number > 0
        assert certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value == "localhost"
        await booted(station, evses=((1, 1), (2, 1)))
        await station.expect_nothing()


async def test_tc_a_04_csms_tls_1_3(tls_connect):
    tls_connect.context.minimum_version = ssl.TLSVersion.TLSv1_3
    async with tls_connect() as station:
        assert (await boot(station))["status"] == "Accepted"


async def test_tc_a_04_csms_profile_1_is_refused(tls_connect, connect, station_id, password, operator):
    """A station that is registered for TLS must use it, on whichever endpoint it comes."""
    await operator.put_station(station_id, security_profile=2, password=password)
    assert await connect.refused() == FORBIDDEN
    async with tls_connect() as station:
        await booted(station)


# ---- TC_A_06: version too low ----------------------------------------------------------------------------------------
async def test_tc_a_06_csms(tls_connect, system, operator, station_id):
    old = replace(tls_connect, context=too_old(system.pki.context()))
    assert await old.refused() == TLS_REFUSED
    assert not (await operator.station(station_id))["connected"]
    async with tls_connect() as station:
        await booted(station, evses=((1, 1), (2, 1)))
        await station.expect_nothing()
