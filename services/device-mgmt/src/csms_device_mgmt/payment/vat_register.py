"""Who has a VAT number: a port, and the built-in register, whose entries operators make."""

import re
from typing import Any, NamedTuple, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt.device_model.variable_key import JsonObject
from csms_device_mgmt.payment import vat_rows

_BETWEEN = re.compile(r"[\s.\-/]")
NOT_FOUND = {"reasonCode": "NotFound", "additionalInfo": "The VAT number is not registered here"}


class Registered(NamedTuple):
    """What a register says of a VAT number that is valid."""

    company: JsonObject | None
    """OCPP's AddressType; None: it does not say whose it is."""


class VatRegister(Protocol):
    """Looks into a register. It is asked while a station waits, in a database transaction: it must not take long."""

    async def find(self, session: AsyncSession, vat_number: str) -> Registered | None:
        """Return what is known of a VAT number; None: it is not valid."""


class BuiltInRegister:
    """The numbers that operators have registered at /vat-numbers."""

    async def find(self, session: AsyncSession, vat_number: str) -> Registered | None:
        """Look up a number, however it is spelled."""
        row = await vat_rows.find(session, key(vat_number))
        return None if row is None else Registered(row.company)


def key(vat_number: str) -> str:
    """Return what VAT numbers are compared by: neither case nor blanks, dots and dashes matter."""
    return _BETWEEN.sub("", vat_number).upper()


def answer(request: JsonObject, found: Registered | None) -> dict[str, Any]:
    """Write a VatNumberValidationResponse (C18.FR.09), about the EVSE that was asked for (C18.FR.10)."""
    asked = {name: request[name] for name in ("vatNumber", "evseId") if name in request}
    if found is None:
        return {**asked, "status": "Rejected", "statusInfo": NOT_FOUND}
    company = {} if found.company is None else {"company": found.company}
    return {**asked, "status": "Accepted", **company}
