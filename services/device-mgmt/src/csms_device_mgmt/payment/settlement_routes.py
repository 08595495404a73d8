"""/settlements: what became of payments at stations, and what the CSMS has to settle (OCPP 2.1)."""

from typing import Annotated, Any, Self

from csms_runtime.http import Page, PageParams, Problem, paginate, require
from csms_runtime.http.fields import NO_NUL, Amount, Currency, Price, one_of
from csms_runtime.http.problems import FieldError, invalid_request
from csms_runtime.money import Money, from_units, to_units
from fastapi import APIRouter, Path, Query, Security
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from csms_device_mgmt.parameters import number_position
from csms_device_mgmt.payment import settlement_rows
from csms_device_mgmt.payment.receipts import receipt_url
from csms_device_mgmt.payment.settlement import FINAL, Result, SettledBy, SettlementStatus
from csms_device_mgmt.tables import Settlement
from csms_device_mgmt.unit import Unit, Units

Id = Annotated[int, Path(alias="id", ge=1, lt=2**63)]


def _not_open(status: SettlementStatus) -> SettlementStatus:
    if status is SettlementStatus.OPEN:
        raise ValueError("it is open already")
    return status


Told = Annotated[SettlementStatus, AfterValidator(_not_open)]


class SettlementItem(BaseModel):
    """A payment, and what became of it."""

    id: str
    station_id: str
    psp_ref: str = Field(description="The payment service provider's reference")
    transaction_id: str | None = Field(description="The station's; null: the payment was canceled before it began")
    transaction: str | None = Field(description="Our id of it, where the CSMS settles")
    settled_by: Annotated[str, one_of(*SettledBy)]
    status: Annotated[str, one_of(*SettlementStatus)] = Field(description="Open: the CSMS is to settle it")
    amount: Amount | None = Field(description="What is due, or was settled; null: it is not known")
    currency: str | None = Field(description="null: that of the station, which does not tell it")
    settled_at: AwareDatetime | None = Field(description="The time of the status, as it was told")
    status_info: str | None
    receipt_id: str | None
    receipt_url: str | None
    vat_number: str | None
    vat_company: dict[str, Any] | None = Field(description="OCPP's AddressType")
    created_at: AwareDatetime
    updated_at: AwareDatetime

    @classmethod
    def of(cls, row: Settlement) -> Self:
        """Return the item of a row."""
        same = {name: getattr(row, name) for name in cls.model_fields if name in _COLUMNS}
        same["transaction_id"] = row.transaction_id or None
        amount = None if row.amount is None else from_units(row.amount)
        return cls(**same, id=str(row.id), amount=amount, settled_at=row.told_at)


_COLUMNS = frozenset(column.name for column in Settlement.__table__.columns) - {"id", "amount"}


class ResultBody(BaseModel):
    """What became of a settlement by the CSMS."""

    model_config = ConfigDict(extra="forbid")

    status: Told
    amount: Price | None = Field(None, description="What was settled; absent: what was due")
    currency: Currency | None = Field(None, description="Of the amount")
    receipt_id: Annotated[str, NO_NUL] | None = Field(None, min_length=1, max_length=50)
    receipt_url: Annotated[str, NO_NUL] | None = Field(None, pattern="^https?://", max_length=2000)
    status_info: Annotated[str, NO_NUL] | None = Field(None, min_length=1, max_length=500)


def router(units: Units) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Payment"])
    read, operate = Security(require("read")), Security(require("operate"))

    @routes.get("/settlements", dependencies=[read])
    async def list_settlements(
        page: PageParams,
        status: Annotated[SettlementStatus | None, Query()] = None,
        station_id: Annotated[str | None, Query(max_length=48), NO_NUL] = None,
        psp_ref: Annotated[str | None, Query(max_length=255), NO_NUL] = None,
    ) -> Page[SettlementItem]:
        """List settlements, the newest first: those that stations told, and those that the CSMS is to settle."""
        before = number_position(page)
        async with units.reading() as session:
            rows = await settlement_rows.page(
                session, status=status, station_id=station_id, psp_ref=psp_ref, before=before, limit=page.limit + 1
            )
        return paginate(rows, page.limit, position=lambda row: [row.id], item=SettlementItem.of)

    @routes.get("/settlements/{id}", dependencies=[read])
    async def get_settlement(settlement_id: Id) -> SettlementItem:
        """Show a settlement."""
        async with units.reading() as session:
            return SettlementItem.of(_there(await settlement_rows.find(session, settlement_id)))

    @routes.post("/settlements/{id}/result", dependencies=[operate])
    async def tell_settlement_result(settlement_id: Id, body: ResultBody) -> SettlementItem:
        """Say what became of a settlement by the CSMS: whoever settles with the payment service provider does.

        What was rejected or failed may be tried again; what is settled or canceled stays so, with its amount (409).
        """
        if (body.amount is None) != (body.currency is None):
            raise invalid_request([FieldError("/amount", "amount and currency belong together")])
        async with units.open() as unit:
            row = _there(await settlement_rows.find(unit.session, settlement_id, lock=True))
            if row.settled_by != SettledBy.CSMS:
                raise Problem(409, "Not settled here", "The station settles this payment")
            if row.status not in FINAL:
                await settlement_rows.finish(unit.session, row.id, _result(unit, row, body))
            elif row.status != body.status or _is_another_amount(row, body):
                raise Problem(409, "Over", f"It is {row.status}, with the amount that was told first")
            return SettlementItem.of(_there(await settlement_rows.find(unit.session, settlement_id)))

    return routes


def _result(unit: Unit, row: Settlement, body: ResultBody) -> Result:
    cost = _cost(row, body)
    payment = {"status": body.status, "pspRef": row.psp_ref, "transactionId": row.transaction_id}
    url = body.receipt_url or receipt_url(unit.settings.receipt_url, payment)
    return Result(body.status, unit.now, cost, body.receipt_id, url, body.status_info)


def _is_another_amount(row: Settlement, body: ResultBody) -> bool:
    return body.amount is not None and (to_units(body.amount), body.currency) != (row.amount, row.currency)


def _cost(row: Settlement, body: ResultBody) -> Money | None:
    if body.amount is not None and body.currency is not None:
        return Money(body.amount, body.currency)
    if row.amount is None or row.currency is None:
        if body.status is SettlementStatus.SETTLED:
            raise invalid_request([FieldError("/amount", "needed, for what is due is not known")])
        return None
    return Money(from_units(row.amount), row.currency)


def _there(row: Settlement | None) -> Settlement:
    if row is None:
        raise Problem(404, "Settlement not found", "There is no settlement with this id")
    return row
