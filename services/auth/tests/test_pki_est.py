"""An external certificate authority over EST, real HTTPS."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from csms_auth.pki import built_in, csr, est
from csms_auth.pki.built_in import BuiltInAuthority
from csms_auth.pki.configured import authority_of
from csms_auth.pki.est import EstAuthority
from csms_auth.pki.ports import (
    AuthorityUnavailable,
    CertificateAuthority,
    CertificateType,
    SigningRefused,
    SigningRequest,
)
from csms_auth.pki.settings import PkiSettings
from csms_testing.csrs import csr_pem
from csms_testing.est import EstServer, certs_only, est_server
from csms_testing.mounted import MountedSecret
from csms_testing.ocsp import http_response
from csms_testing.pki import Authority, Pki
from pydantic import ValidationError

STATION, V2G = CertificateType.CHARGING_STATION, CertificateType.V2G


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
async def server(pki: Pki) -> AsyncIterator[EstServer]:
    async with est_server(pki) as running:
        yield running


def authority(server: EstServer, pki: Pki, **settings: Any) -> CertificateAuthority:
    fields = {"pki_est_url": server.url, "pki_est_cas": pki.root_file} | settings
    made = authority_of(PkiSettings(**fields))
    assert isinstance(made, EstAuthority)
    return made


def request(kind: CertificateType = STATION) -> SigningRequest:
    return SigningRequest(csr.read(csr_pem("SN-1", organization="CSMS")), kind, "SN-1", "CSMS")


async def test_csr_is_signed_and_the_chain_completed(server: EstServer, pki: Pki) -> None:
    wanted = request()
    leaf, *above = await authority(server, pki).sign(wanted)
    assert leaf.public_key() == wanted.csr.public_key()
    assert above == [server.authority.certificate]  # and not the root
    lines = [line for line, _ in server.asked]
    assert lines == [
        "POST /.well-known/est/stations/simpleenroll HTTP/1.1",
        "GET /.well-known/est/stations/cacerts HTTP/1.1",
    ]
    headers = server.asked[0][1]
    assert headers["content-type"] == "application/pkcs10"
    assert "authorization" not in headers


async def test_files_that_are_replaced_count_for_the_next_request(server: EstServer, pki: Pki, tmp_path: Path) -> None:
    mounted = MountedSecret(tmp_path / "mounted", {"ca.crt": pki.unknown.pem})
    made = authority(server, pki, pki_est_cas=mounted["ca.crt"])
    with pytest.raises(AuthorityUnavailable):
        await made.sign(request())
    mounted.replace({"ca.crt": pki.root.pem})
    assert await made.sign(request())


async def test_authorities_are_asked_for_once(server: EstServer, pki: Pki) -> None:
    made = authority(server, pki)
    await made.sign(request())
    await made.sign(request())
    assert await made.roots(STATION) == [server.root.certificate]
    assert sum("cacerts" in line for line, _ in server.asked) == 1


async def test_issuers_that_come_with_the_certificate_are_used(server: EstServer, pki: Pki) -> None:
    server.known = [server.root.certificate]
    wanted = request()
    leaf = server.sign(wanted.csr)
    server.raw = http_response(certs_only(server.authority.certificate, leaf))
    assert await authority(server, pki).sign(wanted) == [leaf, server.authority.certificate]


async def test_password(server: EstServer, pki: Pki) -> None:
    made = authority(server, pki, pki_est_username="csms", pki_est_password="secret of the tests")
    await made.sign(request())
    assert server.asked[0][1]["authorization"].startswith("Basic ")
    assert "secret of the tests" not in repr(made)


async def test_client_certificate(pki: Pki) -> None:
    shown = pki.save("est-client", pki.client("auth"))
    async with est_server(pki, clients=True) as server:
        with pytest.raises(AuthorityUnavailable):
            await authority(server, pki).sign(request())
        made = authority(server, pki, pki_est_certificate=shown.certificate, pki_est_key=shown.key)
        assert len(await made.sign(request())) == 2


async def test_a_server_that_nobody_vouches_for_is_not_asked(server: EstServer, pki: Pki, tmp_path: Path) -> None:
    other = Pki(tmp_path)
    with pytest.raises(AuthorityUnavailable):
        await authority(server, pki, pki_est_cas=other.root_file).sign(request())
    assert server.asked == []


async def test_without_a_v2g_authority_no_v2g_certificate_is_signed(server: EstServer, pki: Pki) -> None:
    made = authority(server, pki)
    with pytest.raises(SigningRefused, match="V2GCertificate"):
        await made.sign(request(V2G))
    assert await made.roots(V2G) == []
    with_v2g = authority(server, pki, pki_est_v2g_url=server.url)
    assert len(await with_v2g.sign(request(V2G))) == 2


@pytest.mark.parametrize(
    ("raw", "retry_after_s"),
    [
        (http_response(b"", "202 Accepted", "Retry-After: 300"), 300),
        (http_response(b"", "202 Accepted"), None),
        (http_response(b"", "503 Service Unavailable", "Retry-After: 9999999"), est.MAX_RETRY_AFTER_S),
        (http_response(b"", "503 Service Unavailable", "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT"), None),
        (http_response(b"", "401 Unauthorized"), None),
        (http_response(b"", "429 Too Many Requests"), None),
        (http_response(b"", "302 Found", "Location: https://localhost/"), None),
        (http_response(b"no base64"), None),
        (http_response(b"aGVsbG8="), None),
        (http_response(b"A" * (est.MAX_RESPONSE + 1)), None),
        (b"no HTTP", None),
    ],
)
async def test_what_may_be_better_next_time(
    server: EstServer, pki: Pki, raw: bytes, retry_after_s: float | None
) -> None:
    server.raw = raw
    with pytest.raises(AuthorityUnavailable) as told:
        await authority(server, pki).sign(request())
    assert told.value.retry_after_s == retry_after_s


@pytest.mark.parametrize("raw", [http_response(b"bad\r\nCSR", "400 Bad Request"), http_response(b"", "422 No")])
async def test_what_the_server_refuses(server: EstServer, pki: Pki, raw: bytes) -> None:
    server.raw = raw
    with pytest.raises(SigningRefused, match="HTTP 4"):
        await authority(server, pki).sign(request())


async def test_a_certificate_for_another_key_is_none(server: EstServer, pki: Pki) -> None:
    server.raw = http_response(certs_only(server.sign(request().csr)))
    with pytest.raises(SigningRefused, match="station's key"):
        await authority(server, pki).sign(request())


@pytest.mark.parametrize("known", [[], [Authority("another").certificate]])
async def test_a_chain_that_cannot_be_completed_is_none(server: EstServer, pki: Pki, known: list[Any]) -> None:
    server.known = [*known, server.root.certificate]  # the sub-CA is missing
    with pytest.raises(SigningRefused, match="issued"):
        await authority(server, pki).sign(request())


async def test_nobody_listens(pki: Pki) -> None:
    async with est_server(pki) as gone:
        made = authority(gone, pki)
    with pytest.raises(AuthorityUnavailable, match="cannot be reached"):
        await made.sign(request())


def test_only_https_is_spoken() -> None:
    with pytest.raises(ValidationError):
        PkiSettings(pki_est_url="http://ca.example.com/.well-known/est")


def test_without_any_authority_there_is_none(tmp_path: Path) -> None:
    assert authority_of(PkiSettings(data_dir=tmp_path)) is None


def test_the_built_in_one_is_found(tmp_path: Path) -> None:
    settings = PkiSettings(data_dir=tmp_path, pki_passphrase="passphrase")
    built_in.create(settings.pki_directory, settings.pki_secret(), "CSMS")
    assert isinstance(authority_of(settings), BuiltInAuthority)


def test_a_bad_file_is_an_error_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        authority_of(PkiSettings(pki_est_url="https://ca.example.com/est", pki_est_cas=tmp_path / "bad.pem"))
