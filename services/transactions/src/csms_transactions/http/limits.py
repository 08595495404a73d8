"""PUT /transactions/{id}/limit: how far a running transaction may go (OCPP 2.1, E16)."""

from csms_db.engine import Database
from csms_runtime.clock import utcnow
from csms_runtime.http import CurrentPrincipal, Problem, require
from csms_runtime.http.documented import problem
from fastapi import APIRouter, Security

from csms_transactions import versions
from csms_transactions.domain.identity import transaction_key
from csms_transactions.domain.transaction import State
from csms_transactions.http.models import TransactionDetail
from csms_transactions.http.remote_models import TransactionLimitBody
from csms_transactions.http.transactions import Key, existing, whole
from csms_transactions.store import queries, transaction_limits
from csms_transactions.store.queries import Row


def limits_router(database: Database) -> APIRouter:
    """The route that sets limits."""
    router = APIRouter(tags=["Transactions"], dependencies=[Security(require("operate"))])

    @router.put("/transactions/{id}/limit", responses={409: problem("It has ended")})
    async def put_transaction_limit(
        key: Key, body: TransactionLimitBody, principal: CurrentPrincipal
    ) -> TransactionDetail:
        """Set the limits of a running transaction, in place of those that were set before.

        The station is told in the answer to the transaction's next event, and confirms those that it can hold: they are
        in `details`. A limit that was told stays until another one is: set it high where it is not to count any more.
        422: the station speaks a version without limits.
        """
        row = await existing(database, key)
        if row["state"] == State.ENDED:
            raise Problem(409, "Transaction has ended", "There is nothing to limit", ended_at=row["ended_at"])
        await _check_version(database, row)
        named = transaction_key(row["station_id"], row["transaction_id"])
        async with database.transaction() as session:
            wanted = (body.payload(), principal.name, utcnow())
            await transaction_limits.put(session, database.dialect, key, named, *wanted)
        return await whole(database, key)

    return router


async def _check_version(database: Database, row: Row) -> None:
    """Raise Problem 422 if the version that told of the transaction last has no limits."""
    async with database.reading() as session:
        protocol = await queries.last_protocol(session, row["id"])
    version = versions.of(protocol or "")
    if version is None or not version.takes_limits:
        detail = f"{protocol} has no limits of transactions"
        raise Problem(422, "Not in this version", detail)
