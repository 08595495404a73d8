"""POST /transactions/{id}/close: an operator ends a transaction."""

from typing import Annotated

from csms_db.engine import Database
from csms_runtime.http import CurrentPrincipal, Problem, require
from csms_runtime.http.documented import problem
from csms_runtime.http.fields import NO_NUL
from fastapi import APIRouter, Security
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from csms_transactions.closing.closing import Closing
from csms_transactions.http.models import TransactionItem
from csms_transactions.http.transactions import Key, existing

_MOST_CHARACTERS = 500


class CloseBody(BaseModel):
    """Why a transaction is ended by hand."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=_MOST_CHARACTERS), NO_NUL
    ] = Field(description="In the operator's words; it is shown as `close_reason`")


def closing_router(database: Database, closing: Closing) -> APIRouter:
    """The route that closes."""
    router = APIRouter(tags=["Transactions"], dependencies=[Security(require("operate"))])

    @router.post("/transactions/{id}/close", responses={409: problem("It has ended already")})
    async def close_transaction(key: Key, body: CloseBody, principal: CurrentPrincipal) -> TransactionItem:
        """End a transaction whose Ended event will not come; the station is not told.

        The same request again changes nothing. A real Ended event that comes later still counts.
        """
        await existing(database, key)
        closed = await closing.close(key, body.reason, principal.name)
        row = await existing(database, key)
        if not closed and (row["close_reason"], row["closed_by"]) != (body.reason, principal.name):
            detail = "There is nothing to close"
            raise Problem(409, "Transaction has ended", detail, ended_at=row["ended_at"])
        return TransactionItem.of(row)

    return router
