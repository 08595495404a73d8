"""Block A with TLS: versions, cipher suites, client certificates (security profiles 2 and 3)."""

import ssl
from dataclasses import dataclass, replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from csms_testing.conformance import Connector, Operator
from csms_testing.conformance.connector import TLS_REFUSED
from csms_testing.conformance.states import boot, booted
from csms_testing.pki import Issued, Pki

UNAUTHORIZED, FORBIDDEN = 401, 403
CLIENT_CERTIFICATE = 3
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


async def test_tc_a_06_csms_profile_3(profile_3):
    old = replace(profile_3.connect, context=too_old(profile_3.context(profile_3.client())))
    assert await old.refused() == TLS_REFUSED
    await profile_3.still_good()


# ---- TC_A_07: client certificate -------------------------------------------------------------------------------------
@pytest.mark.parametrize("suite", SUITES)
async def test_tc_a_07_csms(profile_3, suite):
    only(profile_3.connect.context, suite)
    async with profile_3.connect() as station:
        assert "Authorization" not in station.socket.request.headers
        tls, _ = shown(station)
        assert (tls.version(), tls.cipher()[0]) == ("TLSv1.2", suite)
        await booted(station, evses=((1, 1), (2, 1)), serialNumber=profile_3.serial_number)
        await station.expect_nothing()
        assert (await profile_3.as_shown())["connection"]["security_profile"] == CLIENT_CERTIFICATE


async def test_tc_a_07_csms_tls_1_3(profile_3):
    profile_3.connect.context.minimum_version = ssl.TLSVersion.TLSv1_3
    await profile_3.still_good()


@pytest.mark.parametrize("common_name", ["{}.example.com", "CN {}"])
async def test_tc_a_07_csms_serial_number_within_the_common_name(profile_3, common_name):
    client = profile_3.client(common_name)
    async with profile_3.showing(client)() as station:
        assert (await boot(station, serialNumber=profile_3.serial_number))["status"] == "Accepted"


async def test_tc_a_07_csms_a_certificate_is_demanded(profile_3, password):
    """Neither TLS without a certificate nor a password will do for a station of profile 3."""
    assert await profile_3.showing(None).refused() in {UNAUTHORIZED, FORBIDDEN}
    assert await profile_3.showing(None).refused(password=password) in {UNAUTHORIZED, FORBIDDEN}
    await profile_3.still_good()


# ---- TC_A_08: invalid client certificate -----------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["unknown", "expired", "future"])
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
async def test_tc_a_08_csms(profile_3, system, kind, version):
    client = getattr(system.pki, f"{kind}_client")(profile_3.serial_number)
    context = profile_3.context(client)
    context.maximum_version = ssl.TLSVersion[version]
    assert await replace(profile_3.connect, context=context).refused() == TLS_REFUSED
    await profile_3.still_good()


@pytest.mark.parametrize("common_name", ["{}0", "X{}", "{}-2", "another"])
async def test_tc_a_08_csms_common_name_of_another_station(profile_3, common_name):
    assert await profile_3.showing(profile_3.client(common_name)).refused() == FORBIDDEN
    await profile_3.still_good()


async def test_tc_a_08_csms_the_identity_is_no_serial_number(profile_3, station_id):
    assert await profile_3.showing(profile_3.client(station_id)).refused() == FORBIDDEN
    await profile_3.still_good()


@pytest.mark.parametrize("organization", ["Somebody else", None])
async def test_tc_a_08_csms_another_organization(profile_3, organization):
    assert await profile_3.showing(profile_3.client(organization=organization)).refused() == FORBIDDEN
    await profile_3.still_good()


async def test_tc_a_08_csms_with_a_password_as_well(profile_3, password):
    assert await profile_3.showing(profile_3.client("another")).refused(password=password) == FORBIDDEN
    await profile_3.still_good()


# ---- Helpers ---------------------------------------------------------------------------------------------------------
@dataclass
class Profile3:
    """A station of security profile 3, and what it can show."""

    connect: Connector
    pki: Pki
    operator: Operator
    serial_number: str

    def client(self, common_name: str = "{}", **how) -> Issued:
        """A certificate that the CSMS trusts; {} is the serial number."""
        return self.pki.client(common_name.format(self.serial_number), **how)

    def context(self, client: Issued | None) -> ssl.SSLContext:
        return self.pki.context(client)

    def showing(self, client: Issued | None) -> Connector:
        return replace(self.connect, context=self.context(client))

    async def as_shown(self):
        return await self.operator.station(self.connect.station_id)

    async def still_good(self) -> None:
        """After what was refused, connect with the valid certificate."""
        assert not (await self.as_shown())["connected"]
        async with self.connect() as station:
            await booted(station, evses=((1, 1), (2, 1)), serialNumber=self.serial_number)
            await station.expect_nothing()


@pytest.fixture
def profile_3(secured_connect, system, operator, serial_number) -> Profile3:
    return Profile3(secured_connect, system.pki, operator, serial_number)
