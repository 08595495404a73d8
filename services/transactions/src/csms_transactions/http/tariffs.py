"""/tariffs: the prices by which the CSMS computes what transactions cost."""

from decimal import Decimal
from typing import Annotated, Self

from csms_db.engine import Database
from csms_ocpp.station_ids import fault_of
from csms_runtime.clock import utcnow
from csms_runtime.http import Page, PageParams, Problem, paginate, require
from csms_runtime.http.fields import NO_NUL, Currency, Price
from csms_runtime.http.problems import FieldError, invalid_request
from fastapi import APIRouter, Path, Security
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import IntegrityError

from csms_transactions.domain.tariff import Tariff
from csms_transactions.http.models import Moment
from csms_transactions.store import tariffs
from csms_transactions.store.tariffs import StoredTariff

TariffId = Annotated[str, Path(min_length=1, max_length=60, pattern=r"^[^/]+$", description="OCPP's tariffId"), NO_NUL]


class TariffBody(BaseModel):
    """Prices with taxes, in the unit of the currency; 0 where none is given."""

    model_config = ConfigDict(extra="forbid")

    currency: Currency
    start_fee: Price = Field(default_factory=Decimal, description="Once, when anything was charged")
    price_per_kwh: Price = Field(default_factory=Decimal)
    price_per_hour: Price = Field(default_factory=Decimal, description="While it charges")
    idle_price_per_hour: Price = Field(default_factory=Decimal, description="While it stands there and does not")
    station_id: Annotated[str, NO_NUL] | None = Field(
        None, max_length=48, description="The station that it is for; null: all that have no tariff of their own"
    )


class TariffItem(TariffBody):
    """A tariff."""

    id: str
    updated_at: Moment

    @classmethod
    def of(cls, stored: StoredTariff) -> Self:
        """Return the item of a stored tariff."""
        tariff_id, currency, *prices = stored.tariff
        return cls(
            id=tariff_id,
            currency=currency,
            **dict(zip(tariffs.PRICES, prices, strict=True)),
            station_id=stored.station_id,
            updated_at=stored.updated_at,
        )


def tariffs_router(database: Database) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["Tariffs"])
    read, operate = [Security(require("read"))], [Security(require("operate"))]

    @router.get("/tariffs", dependencies=read)
    async def list_tariffs(page: PageParams) -> Page[TariffItem]:
        """List the tariffs in the order of their ids."""
        position = page.after(str)
        async with database.reading() as session:
            rows = await tariffs.page(session, after=position[0] if position else None, limit=page.limit + 1)
        return paginate(rows, page.limit, position=lambda row: [row.tariff.tariff_id], item=TariffItem.of)

    @router.get("/tariffs/{tariff_id}", dependencies=read)
    async def get_tariff(tariff_id: TariffId) -> TariffItem:
        """Show a tariff."""
        async with database.reading() as session:
            found = await tariffs.get(session, tariff_id)
        if found is None:
            raise _not_found()
        return TariffItem.of(found)

    @router.put("/tariffs/{tariff_id}", dependencies=operate)
    async def put_tariff(tariff_id: TariffId, body: TariffBody) -> TariffItem:
        """Create or replace a tariff. It counts for transactions that begin from now on.

        Stations that tell costs themselves (costDetails) are believed. A station has one tariff: a second one is 409.
        """
        if body.station_id is not None and (fault := fault_of(body.station_id)):
            raise invalid_request([FieldError("/station_id", f"the identity {fault}")])
        prices = (getattr(body, name) for name in tariffs.PRICES)
        stored = StoredTariff(Tariff(tariff_id, body.currency, *prices), body.station_id, utcnow())
        try:
            async with database.transaction() as session:
                await tariffs.put(session, database.dialect, stored)
        except IntegrityError as error:
            raise Problem(409, "Another tariff is there", "This station has a tariff of another id") from error
        return TariffItem.of(stored)

    @router.delete("/tariffs/{tariff_id}", dependencies=operate, status_code=204)
    async def delete_tariff(tariff_id: TariffId) -> None:
        """Delete a tariff. Transactions that began with it keep their prices."""
        async with database.transaction() as session:
            if not await tariffs.remove(session, tariff_id):
                raise _not_found()

    return router


def _not_found() -> Problem:
    return Problem(404, "Tariff not found", "There is no tariff with this id")
