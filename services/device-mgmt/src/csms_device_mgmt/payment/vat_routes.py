"""/vat-numbers: the VAT numbers that stations are told are valid, and whose they are (OCPP 2.1)."""

from typing import Annotated, Any, Self

from csms_runtime.http import Page, PageParams, Problem, paginate, require
from csms_runtime.http.fields import NO_NUL
from csms_runtime.http.problems import FieldError, invalid_request
from fastapi import APIRouter, Path, Security
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from csms_device_mgmt.parameters import text_position
from csms_device_mgmt.payment import vat_rows
from csms_device_mgmt.payment.vat_register import key
from csms_device_mgmt.tables import VatNumber
from csms_device_mgmt.unit import Units

Number = Annotated[
    str, Path(max_length=20, description="In any spelling: case, blanks, dots and dashes do not matter"), NO_NUL
]
Text20 = Annotated[str, StringConstraints(min_length=1, max_length=20), NO_NUL]
Text50 = Annotated[str, StringConstraints(min_length=1, max_length=50), NO_NUL]
Text100 = Annotated[str, StringConstraints(min_length=1, max_length=100), NO_NUL]


class Company(BaseModel):
    """OCPP's AddressType."""

    model_config = ConfigDict(extra="forbid")

    name: Text50
    address1: Text100
    address2: Text100 | None = None
    city: Text100
    postal_code: Text20 | None = Field(None, alias="postalCode")
    country: Text50


class VatNumberBody(BaseModel):
    """What is registered of a VAT number."""

    model_config = ConfigDict(extra="forbid")

    company: Company | None = Field(None, description="Told to the station; null: only that the number is valid")


class VatNumberItem(BaseModel):
    """A registered VAT number."""

    id: str = Field(description="The number in capitals, without blanks, dots and dashes")
    vat_number: str = Field(description="As it was spelled")
    company: dict[str, Any] | None = Field(description="OCPP's AddressType")
    created_at: AwareDatetime
    updated_at: AwareDatetime

    @classmethod
    def of(cls, row: VatNumber) -> Self:
        """Return the item of a row."""
        return cls(
            id=row.key,
            vat_number=row.vat_number,
            company=row.company,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


def router(units: Units) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Payment"])
    read, operate = Security(require("read")), Security(require("operate"))

    @routes.get("/vat-numbers", dependencies=[read])
    async def list_vat_numbers(page: PageParams) -> Page[VatNumberItem]:
        """List the registered VAT numbers in their order."""
        after = text_position(page)
        async with units.reading() as session:
            rows = await vat_rows.page(session, after=after, limit=page.limit + 1)
        return paginate(rows, page.limit, position=lambda row: [row.key], item=VatNumberItem.of)

    @routes.get("/vat-numbers/{vat_number}", dependencies=[read])
    async def get_vat_number(vat_number: Number) -> VatNumberItem:
        """Show what is registered of a VAT number."""
        async with units.reading() as session:
            return VatNumberItem.of(_there(await vat_rows.find(session, key(vat_number))))

    @routes.put("/vat-numbers/{vat_number}", dependencies=[operate])
    async def put_vat_number(vat_number: Number, body: VatNumberBody) -> VatNumberItem:
        """Register a VAT number, or change what is registered: stations that ask are told Accepted from now on."""
        if not key(vat_number):
            raise invalid_request([FieldError("/vat_number", "no letter and no digit", "path")])
        company = None if body.company is None else body.company.model_dump(by_alias=True, exclude_none=True)
        async with units.open() as unit:
            await vat_rows.put(unit.session, key(vat_number), vat_number, company, unit.now)
            return VatNumberItem.of(_there(await vat_rows.find(unit.session, key(vat_number))))

    @routes.delete("/vat-numbers/{vat_number}", dependencies=[operate], status_code=204)
    async def delete_vat_number(vat_number: Number) -> None:
        """Delete a VAT number: stations that ask are told Rejected from now on."""
        async with units.open() as unit:
            if not await vat_rows.remove(unit.session, key(vat_number)):
                raise _not_found()

    return routes


def _there(row: VatNumber | None) -> VatNumber:
    if row is None:
        raise _not_found()
    return row


def _not_found() -> Problem:
    return Problem(404, "VAT number not found", "This VAT number is not registered")
