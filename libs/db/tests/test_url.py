import pytest
from csms_db.engine import Database
from csms_db.url import dialect, parse


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgresql://u:p%40ss@db:5432/csms", "postgresql+asyncpg"),
        ("postgres://u:p@db/csms", "postgresql+asyncpg"),
        ("postgresql+psycopg://u:p@db/csms", "postgresql+asyncpg"),
        ("sqlite:///data/auth.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:////var/lib/csms/auth.db", "sqlite+aiosqlite"),
    ],
)
def test_driver_is_ours(url: str, driver: str) -> None:
    parsed = parse(url)
    assert parsed.drivername == driver
    assert driver.startswith(dialect(parsed))


def test_password_is_read_and_hidden() -> None:
    parsed = parse("postgresql://u:p%40ss@db/csms")
    assert parsed.password == "p@ss"
    assert "p@ss" not in str(parsed)
    assert "p%40ss" not in str(parsed)


@pytest.mark.parametrize("url", ["mysql://u@db/csms", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"supported|file|expected"):
        parse(url)


async def test_name_of_a_database() -> None:
    assert Database("postgresql://u@db/csms", "auth").name == "auth"
    assert Database("postgresql://u@db/csms").name == "csms"
    assert Database("sqlite:///data/devices.db").name == "devices"


async def test_ping(database: Database) -> None:
    await database.ping()
