"""The built-in certificate authority: what it makes stands before other people's verifiers."""

import ipaddress
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store
from csms_auth.pki import built_in, files, issuing
from csms_auth.pki.built_in import BuiltInAuthority
from csms_auth.pki.configured import show_ends
from csms_auth.pki.issuing import Revoked
from csms_auth.pki.ports import CertificateType, SigningRefused, SigningRequest
from prometheus_client import REGISTRY

PASSPHRASE = b"a passphrase for tests"
STATION, V2G = CertificateType.CHARGING_STATION, CertificateType.V2G


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pki")
    built_in.create(path, PASSPHRASE, "Example CSO")
    return path


@pytest.fixture
def authority(directory: Path) -> BuiltInAuthority:
    return BuiltInAuthority(directory, PASSPHRASE, station_days=30)


def ask(
    kind: CertificateType = STATION, key: files.PrivateKey | None = None, common_name: str = "SN-1"
) -> SigningRequest:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever the station likes")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    csr = builder.sign(key, hashes.SHA256())
    return SigningRequest(csr, kind, common_name, "Example CSO")


def openssl(*arguments: str | Path) -> str:
    done = subprocess.run(  # noqa: S603 arguments of this file
        ["openssl", *map(str, arguments)],  # noqa: S607 the machine's own
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def common_name(certificate: x509.Certificate) -> str:
    (attribute,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(attribute.value)


def verified(leaf: x509.Certificate, between: list[x509.Certificate], roots: list[x509.Certificate]) -> None:
    """Raises when the library's verifier does not find a path; it is told that no leaf has to have a host name."""
    policy = ExtensionPolicy.webpki_defaults_ca(), ExtensionPolicy.permit_all()
    builder = PolicyBuilder().store(Store(roots)).extension_policies(ca_policy=policy[0], ee_policy=policy[1])
    builder.build_client_verifier().verify(leaf, between)


@pytest.mark.parametrize("kind", [STATION, V2G])
async def test_chain_is_leaf_first_and_verified_by_others(
    authority: BuiltInAuthority, tmp_path: Path, kind: CertificateType
) -> None:
    leaf, *between = await authority.sign(ask(kind))
    roots = list(await authority.roots(kind))
    verified(leaf, between, roots)
    files.write_certificates(tmp_path / "leaf.pem", [leaf])
    files.write_certificates(tmp_path / "between.pem", between)
    files.write_certificates(tmp_path / "roots.pem", roots)
    told = openssl(
        "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", tmp_path / "roots.pem",
        "-untrusted", tmp_path / "between.pem", tmp_path / "leaf.pem",
    )  # fmt: skip
    assert told.strip() == f"{tmp_path / 'leaf.pem'}: OK"


async def test_the_two_hierarchies_do_not_vouch_for_each_other(authority: BuiltInAuthority) -> None:
    leaf, *between = await authority.sign(ask(V2G))
    with pytest.raises(Exception, match="validation failed"):
        verified(leaf, between, list(await authority.roots(STATION)))


@pytest.mark.parametrize("key_kind", ["rsa", "ec"])
async def test_certificate_of_a_station_says_what_was_asked_and_no_more(
    authority: BuiltInAuthority, key_kind: str
) -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048) if key_kind == "rsa" else None
    request = ask(key=key)
    leaf, issuer = await authority.sign(request)
    assert leaf.public_key() == request.csr.public_key()
    assert leaf.subject.rfc4514_string() == "CN=SN-1,O=Example CSO"
    assert leaf.version is x509.Version.v3
    extensions = {extension.oid: extension for extension in leaf.extensions}
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.key_encipherment == (key_kind == "rsa")
    assert not usage.value.key_cert_sign
    assert x509.ExtensionOID.EXTENDED_KEY_USAGE not in extensions  # A00.FR.514
    assert x509.ExtensionOID.SUBJECT_ALTERNATIVE_NAME not in extensions  # A00.FR.511
    own = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    issuers = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert own.key_identifier == issuers.digest
    assert leaf.not_valid_before_utc <= datetime.now(UTC) - timedelta(minutes=59)  # a clock that is behind takes it
    assert timedelta(days=29) < leaf.not_valid_after_utc - datetime.now(UTC) <= timedelta(days=30)


async def test_v2g_certificate_has_the_domain_component_of_iso_15118(authority: BuiltInAuthority) -> None:
    leaf, _ = await authority.sign(ask(V2G))
    assert leaf.subject.rfc4514_string() == "DC=CPO,CN=SN-1,O=Example CSO"


async def test_serial_numbers_are_large_and_never_the_same(authority: BuiltInAuthority) -> None:
    request = ask()
    numbers = {(await authority.sign(request))[0].serial_number for _ in range(20)}
    assert len(numbers) == 20
    assert all(number > 0 for number in numbers)
    assert max(numbers).bit_length() > 140


async def test_no_certificate_outlives_its_issuer(tmp_path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=built_in.SUBORDINATE_DAYS - 5)
    built_in.create(tmp_path, PASSPHRASE, "Example CSO", now=long_ago)
    leaf, issuer = await BuiltInAuthority(tmp_path, PASSPHRASE, station_days=365).sign(ask())
    assert leaf.not_valid_after_utc == issuer.not_valid_after_utc


@pytest.mark.parametrize("bad", ["", "x" * 65])
async def test_a_name_that_x509_cannot_hold_is_refused(authority: BuiltInAuthority, bad: str) -> None:
    with pytest.raises(SigningRefused):
        await authority.sign(ask(common_name=bad))


async def test_a_key_of_another_kind_is_refused(authority: BuiltInAuthority) -> None:
    key = dsa.generate_private_key(2048)
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    with pytest.raises(SigningRefused, match="neither RSA nor elliptic curve"):
        await authority.sign(SigningRequest(csr, STATION, "SN-1", "Example CSO"))


def test_server_certificates_are_an_rsa_and_an_ecdsa_one(
    authority: BuiltInAuthority, directory: Path, tmp_path: Path
) -> None:
    made = authority.server_certificates(tmp_path, ["csms.example.com", "localhost", "::1"], "Example CSO", days=90)
    root = built_in.root_file(directory)
    for path in made:
        told = openssl(
            "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "csms.example.com",
            "-CAfile", root, path,
        )  # fmt: skip
        assert told.strip() == f"{path}: OK"
        (certificate,) = files.read_certificates(path)
        assert common_name(certificate) == "csms.example.com"  # A00.FR.510
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == ["csms.example.com", "localhost"]
        assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("::1")]
        key = serialization.load_pem_private_key(path.with_suffix(".key").read_bytes(), None)
        assert key.public_key() == certificate.public_key()
    by_kind = {path.stem: files.read_certificates(path)[0].public_key() for path in made}
    assert isinstance(by_kind["server-ecdsa"], ec.EllipticCurvePublicKey)
    assert isinstance(by_kind["server-rsa"], rsa.RSAPublicKey)
    assert by_kind["server-rsa"].key_size == 3072


@pytest.mark.parametrize("names", [["é.example.com"], ["x" * 65]])
def test_bad_host_names_make_no_certificate(authority: BuiltInAuthority, tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        authority.server_certificates(tmp_path / "out", names, "Example CSO", days=1)
    assert not (tmp_path / "out").exists()


def test_what_a_gateway_verifies_stations_with(authority: BuiltInAuthority) -> None:
    names = [common_name(certificate) for certificate in files.read_certificates(authority.clients)]
    assert names == ["Charging Station CA", "CSMS Root CA"]


async def test_revocation_list_is_understood_by_others(authority: BuiltInAuthority, tmp_path: Path) -> None:
    revoked, *between = await authority.sign(ask())
    other, _ = await authority.sign(ask())
    entry = Revoked(revoked.serial_number, datetime.now(UTC), x509.ReasonFlags.key_compromise)
    crl = authority.revocation_list(STATION, [entry])
    bundle = tmp_path / "bundle.pem"
    files.write_certificates(bundle, [*await authority.roots(STATION), *between])
    crl_file = tmp_path / "crl.pem"
    crl_file.write_bytes(crl.public_bytes(serialization.Encoding.PEM))
    for name, certificate in (("revoked", revoked), ("other", other)):
        files.write_certificates(tmp_path / f"{name}.pem", [certificate])

    def verify(name: str) -> str:
        return openssl("verify", "-crl_check", "-CAfile", bundle, "-CRLfile", crl_file, tmp_path / f"{name}.pem")

    assert "certificate revoked" in verify("revoked")
    assert verify("other").strip().endswith("OK")
    assert crl.next_update_utc is not None
    assert crl.next_update_utc > datetime.now(UTC) + timedelta(days=6)


def test_later_revocation_lists_have_higher_numbers() -> None:
    issuer = issuing.root("A root", "Example CSO", issuing.Validity.of_days(1, datetime.now(UTC)))
    moments = [datetime(2030, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms) for ms in (0, 1)]
    numbers = [
        issuing.revocation_list(issuer, [], moment, timedelta(days=1))
        .extensions.get_extension_for_class(x509.CRLNumber)
        .value.crl_number
        for moment in moments
    ]
    assert numbers[0] < numbers[1]


def test_keys_are_encrypted_and_their_owners_alone(directory: Path) -> None:
    keys = list((directory / "ca").glob("*.key"))
    assert {path.stem for path in keys} == {"root", "stations", "v2g-root", "v2g"}
    for path in keys:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert stat.S_IMODE((directory / "ca").stat().st_mode) == 0o700


def test_another_passphrase_opens_nothing_and_is_not_told(directory: Path) -> None:
    with pytest.raises(files.WrongPassphraseError) as told:
        BuiltInAuthority(directory, b"not the passphrase")
    assert "not the passphrase" not in str(told.value)


def test_keys_of_the_roots_are_not_needed_to_sign_for_stations(tmp_path: Path) -> None:
    built_in.create(tmp_path, PASSPHRASE, "Example CSO")
    for name in ("root", "v2g-root"):
        (tmp_path / "ca" / f"{name}.key").unlink()
    authority = BuiltInAuthority(tmp_path, PASSPHRASE)
    with pytest.raises(FileNotFoundError):
        authority.server_certificates(tmp_path, ["localhost"], "Example CSO", days=1)


def test_an_authority_is_made_once(directory: Path) -> None:
    with pytest.raises(FileExistsError):
        built_in.create(directory, PASSPHRASE, "Another")


def test_one_that_was_half_made_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "ca.partial").mkdir()
    (tmp_path / "ca.partial" / "root.key").write_text("half of a ke")
    assert not built_in.exists(tmp_path)
    built_in.create(tmp_path, PASSPHRASE, "Example CSO")
    assert BuiltInAuthority(tmp_path, PASSPHRASE).authorities()


async def test_signatures_are_ecdsa_with_sha256(authority: BuiltInAuthority) -> None:
    leaf, issuer = await authority.sign(ask())
    assert isinstance(leaf.signature_hash_algorithm, hashes.SHA256)
    assert not isinstance(leaf.signature_algorithm_parameters, padding.PKCS1v15)
    leaf.verify_directly_issued_by(issuer)


def test_metrics_tell_when_the_authorities_end(authority: BuiltInAuthority) -> None:
    show_ends(None)
    show_ends(authority)
    for certificate in authority.authorities():
        labels = {"authority": certificate.subject.rfc4514_string()}
        told = REGISTRY.get_sample_value("csms_auth_authority_expiry_timestamp_seconds", labels)
        assert told == certificate.not_valid_after_utc.timestamp()
