"""What is signed for whom."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from csms_auth.pki import csr
from csms_auth.pki.csr import BadCsr
from csms_auth.pki.ports import CertificateType, SigningRequest
from csms_testing.csrs import csr_pem

STATION, V2G = CertificateType.CHARGING_STATION, CertificateType.V2G


def wanted(pem: str, kind: CertificateType = STATION, serial_number: str = "SN-1") -> SigningRequest:
    return csr.signing_request(pem, kind, station_id="CS1", serial_number=serial_number, organization="Example CSO")


@pytest.mark.parametrize("kind", [STATION, V2G])
def test_csr_in_the_stations_own_name_is_signed(kind: CertificateType) -> None:
    request = wanted(csr_pem("SN-1", organization="Somebody"), kind)
    assert (request.common_name, request.organization) == ("SN-1", "Example CSO")


@pytest.mark.parametrize("kind", [STATION, V2G])
@pytest.mark.parametrize("other", ["SN-2", "SN-10", "sn-1", "CS1", "SN-1 ", "SN-1.example.com", "*"])
def test_csr_in_another_name_is_refused(kind: CertificateType, other: str) -> None:
    with pytest.raises(BadCsr, match="common name"):
        wanted(csr_pem(other), kind)


def test_csr_with_a_second_name_is_refused() -> None:
    with pytest.raises(BadCsr, match="common name"):
        wanted(csr_pem("SN-1", "SN-2"))


@pytest.mark.parametrize("common_name", ["SN-1", ""])
def test_without_a_registered_serial_number_nobody_knows_whose_it_is(common_name: str) -> None:
    with pytest.raises(BadCsr, match="no serial number is registered"):
        wanted(csr_pem(*filter(None, [common_name])), serial_number="")


def test_csr_without_a_name_is_refused() -> None:
    with pytest.raises(BadCsr, match="common name"):
        wanted(csr_pem())


@pytest.mark.parametrize(("serial_number", "expected"), [("SN-1", "SN-1"), ("", "CS1")])
def test_v2g_csr_needs_no_name(serial_number: str, expected: str) -> None:
    assert wanted(csr_pem(), V2G, serial_number).common_name == expected


@pytest.mark.parametrize("pem", [csr_pem(), csr_pem("N" * 64)])
def test_a_name_is_not_cut_off_to_become_anothers(pem: str) -> None:
    with pytest.raises(BadCsr, match=r"longer than the 64|common name"):
        wanted(pem, V2G, "N" * 65)


def test_v2g_csr_with_a_name_needs_a_registered_serial_number_too() -> None:
    with pytest.raises(BadCsr, match="no serial number is registered"):
        wanted(csr_pem("SN-1"), V2G, "")


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(public_exponent=65_537, key_size=2048),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP224R1()),
    ],
)
def test_keys_that_are_strong_enough(key: rsa.RSAPrivateKey) -> None:
    assert wanted(csr_pem("SN-1", key=key)).csr.public_key() == key.public_key()


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (rsa.generate_private_key(public_exponent=65_537, key_size=1024), "2048"),  # noqa: S505 that is the point
        (ec.generate_private_key(ec.SECP192R1()), "224"),
        (ed25519.Ed25519PrivateKey.generate(), "neither RSA nor"),
    ],
)
def test_keys_that_are_not(key: rsa.RSAPrivateKey, reason: str) -> None:
    with pytest.raises(BadCsr, match=reason):
        wanted(csr_pem("SN-1", key=key))


def test_csr_that_another_key_has_signed_is_refused() -> None:
    body = csr_pem("SN-1").splitlines()
    other = csr_pem("SN-1").splitlines()
    with pytest.raises(BadCsr):
        wanted("\n".join([*body[:-3], *other[-3:]]))


def test_csr_signed_with_a_weak_hash_is_refused() -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    with pytest.raises(BadCsr, match="SHA-256"):
        wanted(csr_pem("SN-1", key=key, algorithm=hashes.SHA224()))


@pytest.mark.parametrize("text", ["", "PEM", "-----BEGIN CERTIFICATE REQUEST-----", "\ud800", "a" * 5500])
def test_what_is_no_csr_is_refused(text: str) -> None:
    with pytest.raises(BadCsr):
        wanted(text)


def test_repeats_are_known_by_their_key_not_by_their_signature() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    first, second = (csr.read(csr_pem("SN-1", key=key)) for _ in range(2))
    assert first.signature != second.signature
    assert csr.key_sha256(first) == csr.key_sha256(second)
