"""Says what each service may do in PostgreSQL. `python -m csms_db.grants` prints the SQL that makes users and rights.

One user owns the schemas and migrates them; each service's user reads and writes the rows of its own schema, and makes,
changes and drops nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

import typer
from sqlalchemy.dialects import postgresql

SCHEMAS: Mapping[str, str] = {
    "auth": "auth",
    "transactions": "transactions",
    "device-mgmt": "devices",
    "history": "history",
}
"""The schema of each service that has one."""
MIGRATOR = "migrator"
"""Who runs the services' `migrate` commands."""
DEFAULT_PREFIX = "csms_"
_ROWS = "SELECT, INSERT, UPDATE, DELETE"
_SEQUENCES = "USAGE, SELECT"

_quote = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the database and of the users, as they are."""

    database: str
    users: Mapping[str, str]
    """Of each service, and of `MIGRATOR`."""
    owner: str | None = None
    """Who owns what is there already, if not the migrator."""


def users_of(prefix: str = DEFAULT_PREFIX, named: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the user of each service: `<prefix><service>` with underscores, or as `named` says ("auth=csms-auth").

    Raises ValueError when a name has another form or names no service.
    """
    found = {who: f"{prefix}{who}".replace("-", "_") for who in (*SCHEMAS, MIGRATOR)}
    for entry in named:
        who, equals, user = entry.partition("=")
        if who not in found or not equals or not user:
            raise ValueError(f"{entry}: want SERVICE=USER, with a service among {', '.join(found)}")
        found[who] = user
    return found


def statements(names: Names) -> Iterator[str]:
    """Return the SQL statements. All may be run again: what is there stays."""
    database, migrator = _quote(names.database), _quote(names.users[MIGRATOR])
    for user in names.users.values():
        yield _role(user)
        yield f"GRANT CONNECT ON DATABASE {database} TO {_quote(user)}"
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    if names.owner is not None:
        yield f"REASSIGN OWNED BY {_quote(names.owner)} TO {migrator}"
    for service, schema in SCHEMAS.items():
        yield from _of_schema(_quote(schema), migrator, _quote(names.users[service]))


def _role(user: str) -> str:
    literal = user.replace("'", "''")
    missing = f"NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{literal}')"
    return f"DO $do$ BEGIN IF {missing} THEN CREATE ROLE {_quote(user)} LOGIN; END IF; END $do$"


def _of_schema(schema: str, migrator: str, user: str) -> Iterator[str]:
    yield f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {migrator}"
    yield f"ALTER SCHEMA {schema} OWNER TO {migrator}"
    yield f"GRANT USAGE ON SCHEMA {schema} TO {user}"
    yield f"GRANT {_ROWS} ON ALL TABLES IN SCHEMA {schema} TO {user}"
    yield f"GRANT {_SEQUENCES} ON ALL SEQUENCES IN SCHEMA {schema} TO {user}"
    for_new = f"ALTER DEFAULT PRIVILEGES FOR ROLE {migrator} IN SCHEMA {schema}"
    yield f"{for_new} GRANT {_ROWS} ON TABLES TO {user}"
    yield f"{for_new} GRANT {_SEQUENCES} ON SEQUENCES TO {user}"


def main(
    database: Annotated[str, typer.Option(help="The database.")] = "csms",
    prefix: Annotated[str, typer.Option(help="Before the service in the name of its user.")] = DEFAULT_PREFIX,
    user: Annotated[
        list[str] | None, typer.Option(help="SERVICE=USER, for one whose name is another; a service or migrator.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="The user that owns the tables that are there: all of it goes to the migrator.")
    ] = None,
) -> None:
    """Print the SQL of users and rights, for psql. Changes nothing itself; run it again after an upgrade.

    It sets no passwords: psql's command `password`, or ALTER ROLE, does.
    """
    try:
        names = Names(database, users_of(prefix, tuple(user or ())), owner)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--user") from error
    typer.echo("\n".join(f"{statement};" for statement in statements(names)))


if __name__ == "__main__":
    typer.run(main)
