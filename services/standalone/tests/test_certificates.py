"""The first start with a TLS port makes certificates, later starts find them."""

import asyncio
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from csms_auth.pki import files
from csms_runtime import logging
from csms_standalone import certificates
from csms_standalone.__main__ import cli, welcome_text
from csms_standalone.app import Ports
from csms_standalone.certificates import keep_valid, made_here, with_certificates
from csms_standalone.secrets import Secrets
from csms_standalone.settings import StandaloneSettings
from structlog.testing import capture_logs
from typer.testing import CliRunner

SECRETS = Secrets("k" * 64, "")


def settings(tmp_path: Path, **fields: Any) -> StandaloneSettings:
    defaults = {"data_dir": tmp_path / "data", "secret_key": "a secret key for tests", "ocpp_tls_port": 0}
    return StandaloneSettings(**(defaults | fields))


def fingerprints(made: StandaloneSettings) -> list[bytes]:
    return [each.certificate.read_bytes() for each in made.ocpp_tls_certificates]


def test_without_a_tls_port_nothing_is_made(tmp_path: Path) -> None:
    plain = settings(tmp_path, ocpp_tls_port=None)
    assert with_certificates(plain) is plain
    assert not (tmp_path / "data").exists()


def test_configured_certificates_are_left_alone(tmp_path: Path) -> None:
    own = settings(tmp_path, ocpp_tls_certificates=[{"certificate": "cert.pem", "key": "key.pem"}])
    assert with_certificates(own) is own
    assert made_here(own) is None


def test_the_first_start_makes_what_a_client_trusts(tmp_path: Path) -> None:
    made = with_certificates(settings(tmp_path))
    assert made.ocpp_tls_client_cas == [tmp_path / "data" / "pki" / "ca" / "clients.pem"]
    root = made_here(made)
    assert root == tmp_path / "data" / "pki" / "ca" / "root.pem"
    for each in made.ocpp_tls_certificates:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(each.certificate, each.key)
        client = ssl.create_default_context(cafile=str(root))
        assert shake_hands(client, server, "localhost")
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(client, server, "csms.example.com")


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> bool:
    """A TLS handshake in memory; raises the client's error."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    deadline = time.monotonic() + 10
    while sides and time.monotonic() < deadline:
        for side in list(sides):
            try:
                side.do_handshake()
                sides.remove(side)
            except ssl.SSLWantReadError:
                continue
    return not sides


def test_later_starts_find_them(tmp_path: Path) -> None:
    first = with_certificates(settings(tmp_path))
    before = fingerprints(first)
    assert fingerprints(with_certificates(settings(tmp_path))) == before


def test_other_authorities_of_stations_are_kept(tmp_path: Path) -> None:
    made = with_certificates(settings(tmp_path, ocpp_tls_client_cas=[tmp_path / "other.pem"]))
    assert made.ocpp_tls_client_cas == [tmp_path / "other.pem"]


def test_other_names_make_new_certificates_of_the_same_root(tmp_path: Path) -> None:
    first = with_certificates(settings(tmp_path))
    before, root = fingerprints(first), (made_here(first) or Path()).read_bytes()
    second = with_certificates(settings(tmp_path, ocpp_tls_names=["csms.example.com"]))
    assert not set(fingerprints(second)) & set(before)
    assert (made_here(second) or Path()).read_bytes() == root


@pytest.mark.parametrize("damage", ["missing key", "other key", "no certificate"])
def test_damaged_files_are_made_anew(tmp_path: Path, damage: str) -> None:
    (ecdsa, rsa) = with_certificates(settings(tmp_path)).ocpp_tls_certificates
    match damage:
        case "missing key":
            ecdsa.key.unlink()
        case "other key":
            ecdsa.key.write_bytes(rsa.key.read_bytes())
        case _:
            ecdsa.certificate.write_text("no certificate")
    for each in with_certificates(settings(tmp_path)).ocpp_tls_certificates:
        assert files.belongs(each.key, files.read_certificates(each.certificate)[0])


def test_certificates_that_end_soon_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "SERVER_DAYS", 20)
    before = fingerprints(with_certificates(settings(tmp_path)))
    monkeypatch.undo()
    assert not set(fingerprints(with_certificates(settings(tmp_path)))) & set(before)


async def test_a_running_csms_makes_them_anew_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "SERVER_DAYS", 20)
    made = with_certificates(settings(tmp_path))
    before, stop = fingerprints(made), asyncio.Event()
    monkeypatch.undo()
    monkeypatch.setattr(certificates, "LOOK_EVERY_S", 0.01)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(keep_valid(made, stop))
        while set(fingerprints(made)) & set(before):  # noqa: ASYNC110 files tell nobody
            await asyncio.sleep(0.01)
        stop.set()


async def test_certificates_that_cannot_be_made_anew_are_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "SERVER_DAYS", 20)
    made = with_certificates(settings(tmp_path))
    before, stop = fingerprints(made), asyncio.Event()
    monkeypatch.undo()
    monkeypatch.setattr(certificates, "LOOK_EVERY_S", 0.01)
    other = made.model_copy(update={"secret_key": settings(tmp_path, secret_key="another secret key").secret_key})
    with capture_logs() as log:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_valid(other, stop))
            while len(log) < 2:  # noqa: ASYNC110 nor do logs
                await asyncio.sleep(0.01)
            stop.set()
    assert {entry["event"] for entry in log} == {"server certificates cannot be made anew"}
    assert fingerprints(made) == before


def test_a_root_made_anew_signs_new_certificates(tmp_path: Path) -> None:
    made = with_certificates(settings(tmp_path))
    before = fingerprints(made)
    ca = (made_here(made) or Path()).parent
    ca.rename(ca.with_name("old"))
    assert not set(fingerprints(with_certificates(settings(tmp_path)))) & set(before)


def test_another_secret_key_is_an_error_and_destroys_nothing(tmp_path: Path) -> None:
    with_certificates(settings(tmp_path))
    with pytest.raises(files.WrongPassphraseError):
        with_certificates(settings(tmp_path, secret_key="another secret key"))


def test_a_start_that_cannot_have_certificates_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "configure", lambda *_: None)  # the process's logging is not this test's to change
    monkeypatch.setenv("CSMS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CSMS_OCPP_TLS_PORT", "0")
    monkeypatch.setenv("CSMS_OCPP_TLS_NAMES", '["é.example.com"]')
    told = CliRunner().invoke(cli, ["serve"])
    assert told.exit_code == 1
    assert "CSMS_OCPP_TLS_PORT cannot be had" in str(told.output)


@pytest.mark.parametrize(
    ("fields", "warned"),
    [
        ({}, False),
        ({"pki_est_url": "https://ca.example.com"}, True),
        ({"pki_est_url": "https://ca.example.com", "ocpp_tls_client_cas": ["ca.pem"]}, False),
    ],
)
def test_an_authority_outside_that_the_gateway_does_not_trust_is_warned_of(
    tmp_path: Path, fields: dict[str, Any], *, warned: bool
) -> None:
    with capture_logs() as told:
        with_certificates(settings(tmp_path, **fields))
    warnings = [entry["event"] for entry in told if entry["log_level"] == "warning"]
    assert [("CSMS_OCPP_TLS_CLIENT_CAS" in event) for event in warnings] == [True] * warned


class TestWelcome:
    def test_says_where_to_connect_and_what_to_trust(self, tmp_path: Path) -> None:
        made = with_certificates(settings(tmp_path, ocpp_tls_names=["csms.example.com"]))
        text = welcome_text(made, SECRETS, Ports(9000, 9443, 8080))
        assert "ws://127.0.0.1:9000/ocpp/{station_id}" in text
        assert "wss://csms.example.com:9443/ocpp/{station_id}" in text
        assert str(tmp_path / "data" / "pki" / "ca" / "root.pem") in text

    def test_without_tls_says_nothing_of_it(self, tmp_path: Path) -> None:
        text = welcome_text(settings(tmp_path, ocpp_tls_port=None), SECRETS, Ports(9000, None, 8080))
        assert "wss:" not in text
        assert "verify" not in text

    def test_with_tls_alone(self, tmp_path: Path) -> None:
        made = with_certificates(settings(tmp_path, ocpp_plain=False))
        assert "ws://" not in welcome_text(made, SECRETS, Ports(None, 9443, 8080))


@pytest.mark.parametrize(
    ("configured", "address"),
    [
        ({"ocpp_tls_names": ["csms.lan", "10.0.0.1"]}, "wss://csms.lan:9443/ocpp"),
        ({"public_ocpp_url_tls": "wss://csms.example.com"}, "wss://csms.example.com"),
        ({"ocpp_tls_port": 0}, None),
    ],
)
def test_stations_are_told_to_come_where_the_certificates_are_for(tmp_path, configured, address) -> None:
    made = with_certificates(settings(tmp_path, **{"ocpp_tls_port": 9443, **configured}))
    assert made.public_ocpp_url_tls == address
