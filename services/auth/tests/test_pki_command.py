"""csms-pki."""

import asyncio
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from csms_auth.app import MIGRATIONS, SCHEMA
from csms_auth.domain.certificates import Certificate, CertificateState
from csms_auth.pki import files
from csms_auth.pki.__main__ import cli
from csms_auth.pki.ports import CertificateType
from csms_auth.pki.settings import PkiSettings
from csms_auth.store import certificates
from csms_db.engine import Database
from csms_db.migrations import upgrade
from typer.testing import CliRunner, Result


@pytest.fixture
def pki(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CSMS_PKI_DIR", str(tmp_path / "pki"))
    monkeypatch.setenv("CSMS_PKI_PASSPHRASE", "a passphrase for tests")
    monkeypatch.setenv("CSMS_ORGANIZATION", "Example CSO")
    return tmp_path / "pki"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_from_nothing_to_certificates_for_both_sides(pki: Path) -> None:
    made = run("init")
    assert made.exit_code == 0, made.output
    assert "Charging Station CA" in made.output
    served = run("server", "csms.example.com", "127.0.0.1")
    assert served.exit_code == 0, served.output
    assert "CSMS_OCPP_TLS_CERTIFICATES=" in served.output
    assert stat.S_IMODE((pki / "server-rsa.key").stat().st_mode) == 0o600
    station = run("station", "--serial", "SN/1")
    assert station.exit_code == 0, station.output
    chain = files.read_certificates(pki / "stations" / "SN%2F1.pem")
    assert chain[0].subject.rfc4514_string() == "CN=SN/1,O=Example CSO"
    assert len(chain) == 2


def test_it_is_not_made_twice(pki: Path) -> None:
    run("init")
    before = (pki / "ca" / "root.pem").read_bytes()
    again = run("init")
    assert again.exit_code == 1
    assert "already" in again.stderr
    assert (pki / "ca" / "root.pem").read_bytes() == before


@pytest.mark.parametrize("command", [["show"], ["server", "localhost"], ["station", "--serial", "SN-1"]])
def test_without_an_authority_it_says_what_to_do(pki: Path, command: list[str]) -> None:
    told = run(*command)
    assert told.exit_code == 1
    assert f"there is no certificate authority in {pki}" in told.stderr


@pytest.mark.usefixtures("pki")
def test_another_passphrase_is_said_to_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    run("init")
    monkeypatch.setenv("CSMS_PKI_PASSPHRASE", "another passphrase")
    told = run("show")
    assert told.exit_code == 1
    assert "cannot be decrypted" in told.stderr
    assert "another passphrase" not in told.stderr


async def _store_revoked(url: str, issued: x509.Certificate) -> None:
    await upgrade(url, SCHEMA, MIGRATIONS)
    database = Database(url, SCHEMA)
    now = datetime.now(UTC)
    async with database.transaction() as session:
        revoked = Certificate(
            certificate_id="C1",
            station_id="CS1",
            certificate_type=CertificateType.CHARGING_STATION,
            fingerprint=b"f",
            key_sha256=b"k",
            serial_number=f"{issued.serial_number:x}",
            subject="",
            issuer="",
            not_before=now,
            not_after=now + timedelta(days=1),
            chain="",
            issued_at=now,
            state=CertificateState.REVOKED,
            reason="superseded",
            revoked_at=now,
        )
        await certificates.save(session, [revoked])
    await database.close()


def test_the_revocation_list_is_made_from_auths_database(pki: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSMS_DATA_DIR", str(pki.parent))
    run("init")
    run("station", "--serial", "SN-1")
    leaf, issuer = files.read_certificates(pki / "stations" / "SN-1.pem")
    asyncio.run(_store_revoked(f"sqlite:///{pki.parent}/auth.db", leaf))
    made = run("crl")
    assert made.exit_code == 0, made.output
    crl = x509.load_pem_x509_crl(made.stdout.encode())
    assert crl.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None
    assert crl.issuer == issuer.subject


def test_without_auths_database_there_is_no_revocation_list(pki: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSMS_DATA_DIR", str(pki.parent))
    run("init")
    told = run("crl")
    assert told.exit_code == 1
    assert "cannot be read" in told.stderr


class TestPassphrase:
    def test_depends_on_the_secret_key_when_there_is_no_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CSMS_SECRET_KEY", "the first secret key")
        first = PkiSettings().pki_secret()
        monkeypatch.setenv("CSMS_SECRET_KEY", "the other secret key")
        other = PkiSettings().pki_secret()
        assert first != other
        assert b"first" not in first

    def test_the_standalone_modes_secret_key_is_found(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CSMS_SECRET_KEY", "a secret key for tests")
        expected = PkiSettings().pki_secret()
        monkeypatch.delenv("CSMS_SECRET_KEY")
        monkeypatch.setenv("CSMS_DATA_DIR", str(tmp_path))
        (tmp_path / "secret-key").write_text("a secret key for tests\n")
        assert PkiSettings().pki_secret() == expected

    def test_there_has_to_be_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CSMS_DATA_DIR", str(tmp_path))
        with pytest.raises(ValueError, match="CSMS_SECRET_KEY"):
            PkiSettings().pki_secret()


class TestAnotherSecretKey:
    """The authority's keys are encrypted with one that CSMS_SECRET_KEY makes, unless there is a passphrase."""

    OLD, NEW = "the key of before", "the key that is next"

    @pytest.fixture(autouse=True)
    def _made(self, pki: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CSMS_PKI_PASSPHRASE")
        monkeypatch.setenv("CSMS_SECRET_KEY", self.OLD)
        assert run("init").exit_code == 0
        assert pki.is_dir()

    def test_it_is_opened_with_a_former_key_until_it_is_encrypted_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CSMS_SECRET_KEY", self.NEW)
        assert run("show").exit_code == 1
        monkeypatch.setenv("CSMS_SECRET_KEY_OTHERS", self.OLD)
        assert run("show").exit_code == 0
        done = run("reencrypt")
        assert done.exit_code == 0, done.output
        assert done.output.count("encrypted anew") == 4
        monkeypatch.delenv("CSMS_SECRET_KEY_OTHERS")
        assert run("show").exit_code == 0
        assert run("server", "localhost").exit_code == 0  # the root's key, too

    def test_it_goes_over_to_a_passphrase(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CSMS_PKI_PASSPHRASE", "a passphrase for tests")
        assert run("reencrypt").exit_code == 0
        monkeypatch.delenv("CSMS_SECRET_KEY")
        assert run("show").exit_code == 0

    def test_with_neither_key_nothing_is_changed(self, pki: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = {path: path.read_bytes() for path in pki.rglob("*") if path.is_file()}
        monkeypatch.setenv("CSMS_SECRET_KEY", self.NEW)
        assert run("reencrypt").exit_code == 1
        assert {path: path.read_bytes() for path in pki.rglob("*") if path.is_file()} == before
