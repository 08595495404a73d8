"""PostgreSQL: one schema per service, chosen by the connection's search_path; everything has a deadline."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import NullPool
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from csms_db import tls
from csms_db.json import JSON_OPTIONS

CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 30.0
"""After this a server that does not answer counts as gone."""
STATEMENT_TIMEOUT_MS = 25_000
"""A server that is there gives up a statement itself before it counts as gone, so that the two can be told apart."""
LOCK_TIMEOUT_MS = 10_000
_POOL_TIMEOUT_S = 10.0


def pooled(url: URL, schema: str | None, *, pool_size: int) -> AsyncEngine:
    """Return the engine of a service. A closed connection is replaced before use: a restarted server costs no error."""
    settings = {
        "lock_timeout": str(LOCK_TIMEOUT_MS),
        "statement_timeout": str(STATEMENT_TIMEOUT_MS),
        "idle_in_transaction_session_timeout": "60000",
    }
    engine = create_async_engine(
        _without_tls(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_POOL_TIMEOUT_S,
        pool_use_lifo=True,
        hide_parameters=True,
        connect_args=_connect_args(url, schema, settings, COMMAND_TIMEOUT_S),
        **JSON_OPTIONS,
    )
    sa.event.listen(engine.sync_engine, "checkout", _on_checkout)
    return engine


def _on_checkout(connection: Any, _entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:  # noqa: ANN401
    """Refuse a connection that the driver saw closing; the pool then makes another. A ping would cost round trips."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def migrator(url: URL, schema: str | None, *, lock_timeout_ms: int) -> AsyncEngine:
    """Return an engine for migrations: statements may take long, waiting for a lock may not."""
    settings = {"lock_timeout": str(lock_timeout_ms)}
    return create_async_engine(
        _without_tls(url),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args=_connect_args(url, schema, settings, None, work="-migration"),
    )


def _without_tls(url: URL) -> URL:
    return url.difference_update_query(tls.PARAMETERS)


def _connect_args(
    url: URL, schema: str | None, settings: dict[str, str], command_timeout_s: float | None, work: str = ""
) -> dict[str, Any]:
    """`work` ends the name that the server shows: `csms_db.settled` waits for no migration, which may take hours."""
    server_settings = {"application_name": f"csms-{schema or 'csms'}{work}", "timezone": "UTC", **settings}
    if schema is not None:
        server_settings["search_path"] = schema
    protection = tls.argument(url.query)
    return {
        **({} if protection is None else {"ssl": protection}),
        "timeout": CONNECT_TIMEOUT_S,
        "command_timeout": command_timeout_s,
        "server_settings": server_settings,
    }
