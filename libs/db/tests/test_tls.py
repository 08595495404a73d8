"""TLS to PostgreSQL as libpq's parameters say: in the pool, on the direct path, in migrations."""

import gc
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from csms_db import migrations, tls
from csms_db.engine import Database
from csms_db.errors import DatabaseUnavailable
from csms_db.url import parse
from csms_testing.mounted import MountedSecret
from csms_testing.pki import Files, Issued, Pki
from csms_testing.postgres import LocalPostgres
from csms_testing.secured_stores import tls_postgres
from sqlalchemy.exc import SQLAlchemyError

IS_TLS = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def client(pki: Pki) -> Files:
    return pki.save("client", pki.root.issue("certified"))


@pytest.fixture(scope="module")
def tls_server(pki: Pki) -> Iterator[LocalPostgres]:
    """A server whose certificate is for 127.0.0.1; a named one would need to be known as well."""
    with tls_postgres(pki) as server:
        yield server


def url(server: LocalPostgres, *, user: str = "csms", host: str = "127.0.0.1", **parameters: object) -> str:
    return f"postgresql://{user}:tops3cret@{host}:{server.port}/csms?{urlencode(parameters)}"


async def is_protected(database_url: str) -> bool:
    database = Database(database_url)
    try:
        async with database.reading() as session:
            found = await session.scalar(sa.text(IS_TLS))
        async with database.direct() as direct:
            assert (await direct.fetch(IS_TLS, ()))[0][0] is found
        return bool(found)
    finally:
        await database.close()


async def refusal(database_url: str) -> str:
    database = Database(database_url)
    try:
        with pytest.raises(DatabaseUnavailable) as caught:
            await database.ping()
        with pytest.raises(DatabaseUnavailable) as caught_directly:
            async with database.direct():
                pass
    finally:
        await database.close()
    assert "tops3cret" not in str(caught.value) + str(caught_directly.value)
    with pytest.raises((OSError, SQLAlchemyError)):
        await migrations.current(database_url, "things")
    return str(caught.value)


@pytest.mark.postgres
@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
async def test_protected(tls_server: LocalPostgres, pki: Pki, mode: str) -> None:
    root = {} if mode == "prefer" else {"sslrootcert": pki.root_file}
    assert await is_protected(url(tls_server, sslmode=mode, **root))


@pytest.mark.postgres
async def test_a_file_of_cas_alone_means_full_verification(tls_server: LocalPostgres, pki: Pki) -> None:
    assert await is_protected(url(tls_server, sslrootcert=pki.root_file))
    assert "localhost" in await refusal(url(tls_server, host="localhost", sslrootcert=pki.root_file))


@pytest.mark.postgres
async def test_migrations_are_protected(tls_server: LocalPostgres, pki: Pki, models: SimpleNamespace) -> None:
    protected = url(tls_server, sslmode="verify-full", sslrootcert=pki.root_file)
    await migrations.upgrade(protected, "things", models.scripts)
    assert await migrations.current(protected, "things") == migrations.newest(models.scripts)


@pytest.mark.postgres
async def test_without_tls(tls_server: LocalPostgres) -> None:
    """The server lets this user in either way: what decides is the mode."""
    assert not await is_protected(url(tls_server, user="plain", sslmode="disable"))
    assert not await is_protected(url(tls_server, user="plain", sslmode="allow"))
    assert await is_protected(url(tls_server, user="plain"))
    await refusal(url(tls_server, sslmode="disable"))


@pytest.mark.postgres
@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_certificate_of_another_ca_is_refused(tls_server: LocalPostgres, pki: Pki, mode: str) -> None:
    other = pki.write("other.pem", pki.unknown.pem)
    assert "SSLCertVerificationError" in await refusal(url(tls_server, sslmode=mode, sslrootcert=other))


@pytest.mark.postgres
async def test_a_certificate_of_another_host_is_refused_when_names_are_verified(
    tls_server: LocalPostgres, pki: Pki
) -> None:
    known = {"host": "localhost", "sslrootcert": pki.root_file}
    assert "localhost" in await refusal(url(tls_server, sslmode="verify-full", **known))
    assert await is_protected(url(tls_server, sslmode="verify-ca", **known))


@pytest.mark.postgres
async def test_without_cas_require_takes_any_certificate(tls_server: LocalPostgres) -> None:
    assert await is_protected(url(tls_server, host="localhost", sslmode="require"))


@pytest.mark.postgres
async def test_a_client_certificate(tls_server: LocalPostgres, pki: Pki, client: Files) -> None:
    known = {"user": "certified", "sslmode": "verify-full", "sslrootcert": pki.root_file}
    assert await is_protected(url(tls_server, **known, sslcert=client.certificate, sslkey=client.key))
    await refusal(url(tls_server, **known))


@pytest.mark.postgres
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the driver forgets to close its socket
async def test_new_connections_use_files_that_were_replaced(
    tls_server: LocalPostgres, pki: Pki, tmp_path: Path
) -> None:
    def files(*, key: Issued | None = None, ca: bytes = pki.root.pem) -> dict[str, bytes]:
        issued = pki.root.issue("certified")
        return {"ca.crt": ca, "tls.crt": issued.pem, "tls.key": (key or issued).key_pem}

    mounted = MountedSecret(tmp_path / "mounted", files())
    named = {"sslrootcert": mounted["ca.crt"], "sslcert": mounted["tls.crt"], "sslkey": mounted["tls.key"]}
    database = Database(url(tls_server, user="certified", sslmode="verify-full", **named))

    async def connect_anew() -> None:
        await database.close()  # its pool; it connects again
        await database.ping()

    try:
        await database.ping()
        mounted.replace(files())
        await connect_anew()
        mounted.replace(files(key=pki.client("another")))  # half written: the former ones stay
        await connect_anew()
        mounted.replace(files(ca=pki.unknown.pem))
        with pytest.raises(DatabaseUnavailable, match="SSLCertVerificationError"):
            await connect_anew()
        mounted.replace(files())
        await connect_anew()
    finally:
        await database.close()
        gc.collect()  # what the driver forgot is noticed in this test, not in another one


@pytest.mark.postgres
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the driver forgets to close its socket
async def test_a_server_without_tls_is_refused_when_tls_is_demanded(server: LocalPostgres) -> None:
    assert not await is_protected(url(server, sslmode="prefer"))
    database = Database(url(server, sslmode="require"))
    with pytest.raises(DatabaseUnavailable):
        await database.ping()
    await database.close()
    gc.collect()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sslmode=yes", "sslmode is one of"),
        ("ssl=require", "unknown parameter ssl"),
        ("sslmod=require", "unknown parameter sslmod"),
        ("sslmode=require&sslmode=disable", "sslmode is given twice"),
        ("sslmode=verify-full", "needs sslrootcert"),
        ("sslmode=verify-ca&sslrootcert=system", "needs sslmode=verify-full"),
        ("sslmode=prefer&sslrootcert=/ca.pem", "sslrootcert needs sslmode=verify-full"),
        ("sslcert=/client.pem", "sslcert needs sslmode=verify-full"),
        ("sslrootcert=/nowhere/ca.pem", r"sslrootcert: /nowhere/ca.pem cannot be used \(No such file"),
        ("sslmode=require&sslcert=/nowhere/client.pem", "sslcert and sslkey: /nowhere/client.pem cannot be used"),
        ("sslmode=require&sslkey=/client.key", "sslkey is given without sslcert"),
    ],
)
def test_what_cannot_be_used_is_refused_at_once(
    query: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ValueError, match=said) as caught:
        parse(f"postgresql://csms:tops3cret@db/csms?{query}")
    assert "tops3cret" not in str(caught.value)


def test_the_systems_cas() -> None:
    context = tls.argument({"sslrootcert": "system"})
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_cas_where_libpq_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pki: Pki) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    without = tls.argument({"sslmode": "require"})
    (tmp_path / ".postgresql").mkdir()
    shutil.copyfile(pki.root_file, tmp_path / ".postgresql" / "root.crt")
    found = tls.argument({"sslmode": "require"})
    assert isinstance(without, ssl.SSLContext)
    assert isinstance(found, ssl.SSLContext)
    assert (without.verify_mode, found.verify_mode) == (ssl.CERT_NONE, ssl.CERT_REQUIRED)


def test_parameters_that_are_no_business_of_tls_stay() -> None:
    several = parse("postgresql://csms@/csms?host=a:5432&host=b:5432&target_session_attrs=read-write")
    assert several.query["target_session_attrs"] == "read-write"
