"""/web-payments: payments that drivers begin with the QR code of a station (OCPP 2.1)."""

from collections.abc import Coroutine
from datetime import datetime
from typing import Annotated, Any, Self, TypeVar

from csms_db.engine import Database
from csms_runtime.clock import utcnow
from csms_runtime.http import Page, PageParams, Problem, paginate, require
from csms_runtime.http.documented import problem
from csms_runtime.http.fields import NO_NUL, Price, one_of
from csms_runtime.http.problems import FieldError, invalid_request
from fastapi import APIRouter, Depends, Path, Query, Response, Security
from pydantic import BaseModel, ConfigDict, Field

from csms_transactions.domain.totp import Totp
from csms_transactions.domain.web_payment import BadUrlError
from csms_transactions.http.models import Moment
from csms_transactions.http.remote import RESPONSES, answered, terms_of, tried
from csms_transactions.http.remote_models import CallItem
from csms_transactions.http.transactions import StationId
from csms_transactions.remote.control import Terms
from csms_transactions.remote.web_payments import (
    GuessingError,
    NotConnectedError,
    NotOpenError,
    NoWebPaymentsError,
    ReferenceUsedError,
    WebPayments,
    WrongCodeError,
)
from csms_transactions.store import web_payments
from csms_transactions.store.web_payments import SealedSettings

T = TypeVar("T")
_Terms = Annotated[Terms, Depends(terms_of)]
_Id = Annotated[str, Path(alias="id", max_length=36), NO_NUL]


class SettingsBody(BaseModel):
    """How the station makes the one-time passwords in its QR codes: its variables of WebPaymentsCtrlr."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    shared_secret: Annotated[str, NO_NUL] = Field(
        min_length=8, max_length=500, description="SharedSecret; it is sealed, and never shown"
    )
    validity_time_s: int = Field(default_factory=lambda: 30, ge=1, le=86_400, description="ValidityTime; absent: 30")
    length: int = Field(
        default_factory=lambda: 8, ge=6, le=32, description="Length: characters of a password; absent: 8"
    )


class SettingsItem(BaseModel):
    """How the station makes its one-time passwords."""

    station_id: str
    validity_time_s: int
    length: int
    updated_at: Moment

    @classmethod
    def of(cls, settings: SealedSettings) -> Self:
        """Return what is shown of them."""
        return cls(**{name: getattr(settings, name) for name in cls.model_fields})


class WebPaymentBody(BaseModel):
    """What the driver's browser asked the payment page for."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, NO_NUL] = Field(
        max_length=2000, description="The URL in the QR code, with its query. Its path is like CSMS_WEB_PAYMENT_PATH"
    )
    timeout_s: int = Field(
        300, ge=1, le=3600, description="How long the driver may take, in seconds; the station keeps its EVSE as long"
    )


class AuthorizationBody(BaseModel):
    """What the payment service provider authorized."""

    model_config = ConfigDict(extra="forbid")

    psp_ref: Annotated[str, NO_NUL] = Field(
        min_length=1, max_length=255, description="Its reference: the idToken, of type DirectPayment"
    )
    max_cost: Price | None = Field(None, gt=0, description="The amount that is authorized, in the station's currency")


class WebPaymentItem(BaseModel):
    """A payment."""

    id: str
    station_id: str
    evse_id: int | None = Field(description="null: the driver has yet to choose it")
    transaction_limit: dict[str, Any] | None = Field(description="What the driver wishes to take at most")
    status: Annotated[str, one_of("Started", "Authorized", "Expired")]
    psp_ref: str | None
    call_id: str | None = Field(description="Of the remote start")
    transaction_id: str | None = Field(description="The station's id of the transaction that came of it")
    created_at: Moment
    expires_at: Moment = Field(description="Until then it can be authorized")
    authorized_at: Moment | None

    @classmethod
    def of(cls, row: Any) -> Self:  # noqa: ANN401 a row of the database
        """Return the item of a row."""
        values = {name: row[name] for name in cls.model_fields if name in row}
        values["transaction_limit"] = row["transaction_limit"] or None
        return cls(**values, status=_status(row["psp_ref"], row["expires_at"]))


def _status(psp_ref: str | None, expires_at: datetime) -> str:
    if psp_ref is not None:
        return "Authorized"
    return "Started" if expires_at > utcnow() else "Expired"


def web_payments_router(database: Database, payments: WebPayments) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["Payment"])
    read, operate = [Security(require("read"))], [Security(require("operate"))]
    _add_settings(router, database, payments)

    @router.post(
        "/web-payments",
        dependencies=operate,
        status_code=201,
        responses={403: problem("The one-time password is not valid"), 429: problem("Too many wrong passwords")},
    )
    async def begin_web_payment(body: WebPaymentBody, terms: _Terms) -> WebPaymentItem:
        """Check the URL of a QR code; if it is good, tell the station that somebody pays (NotifyWebPaymentStarted).

        The payment page calls this when a driver comes, and sends nobody on to pay whose URL is refused (C25.FR.08).
        A one-time password begins one payment at an EVSE; then it is refused (403), and the driver scans anew.
        """
        payment = await _refusals(tried(payments.begin(body.url, terms, body.timeout_s)))
        return await _shown(database, payment.id)

    @router.post("/web-payments/{id}/authorization", dependencies=operate, responses=RESPONSES)
    async def authorize_web_payment(
        payment_id: _Id, body: AuthorizationBody, response: Response, terms: _Terms
    ) -> CallItem:
        """Start the transaction, when the payment service provider has authorized the payment.

        Its token is `psp_ref`, of type DirectPayment, which need not be stored; the lower of both limits of cost holds.
        A reference is that of one payment: with another one it is 409.
        """
        limit = {} if body.max_cost is None else {"maxCost": float(body.max_cost)}
        work = payments.authorize(payment_id, body.psp_ref, limit, terms)
        return answered(await _refusals(tried(work)), response, terms)

    @router.get("/web-payments", dependencies=read)
    async def list_web_payments(
        page: PageParams, station_id: Annotated[str | None, Query(max_length=48), NO_NUL] = None
    ) -> Page[WebPaymentItem]:
        """List payments, the newest first."""
        position = page.after_moment()
        after = None if position is None else (position[0], position[1])
        async with database.reading() as session:
            rows = await web_payments.page(session, station_id=station_id, after=after, limit=page.limit + 1)
        return paginate(
            rows, page.limit, position=lambda row: [row["created_at"].isoformat(), row["id"]], item=WebPaymentItem.of
        )

    @router.get("/web-payments/{id}", dependencies=read)
    async def get_web_payment(payment_id: _Id) -> WebPaymentItem:
        """Show a payment, and what came of it."""
        return await _shown(database, payment_id)

    return router


def _add_settings(router: APIRouter, database: Database, payments: WebPayments) -> None:
    path = "/stations/{station_id}/web-payment-settings"

    @router.put(path, dependencies=[Security(require("operate"))])
    async def put_web_payment_settings(station_id: StationId, body: SettingsBody) -> SettingsItem:
        """Store, or replace by these, how the station makes the passwords in its QR codes.

        The station is told by itself (variables/set).
        """
        return SettingsItem.of(await payments.set_up(station_id, Totp(**body.model_dump())))

    @router.get(path, dependencies=[Security(require("read"))])
    async def get_web_payment_settings(station_id: StationId) -> SettingsItem:
        """Show how the station makes the passwords in its QR codes."""
        async with database.reading() as session:
            found = await web_payments.settings_of(session, station_id)
        if found is None:
            raise Problem(404, "No web payments", "The station is not set up for payments by QR code")
        return SettingsItem.of(found)

    @router.delete(path, dependencies=[Security(require("operate"))], status_code=204)
    async def delete_web_payment_settings(station_id: StationId) -> None:
        """Have no URL of this station's QR codes count any more."""
        async with database.transaction() as session:
            if not await web_payments.remove_settings(session, station_id):
                raise Problem(404, "No web payments", "The station is not set up for payments by QR code")


async def _shown(database: Database, payment_id: str) -> WebPaymentItem:
    async with database.reading() as session:
        row = await web_payments.get(session, payment_id)
    if row is None:
        raise _not_found()
    return WebPaymentItem.of(row)


async def _refusals(work: Coroutine[object, object, T]) -> T:
    """Do the work. Raises Problem for each reason why a payment is refused."""
    try:
        return await work
    except BadUrlError as error:
        raise invalid_request([FieldError("/url", str(error))]) from error
    except NoWebPaymentsError as error:
        detail = "There is no such station, or it is not set up for payments by QR code"
        raise invalid_request([FieldError("/url", detail)]) from error
    except WrongCodeError as error:
        raise Problem(403, "Wrong code", "The one-time password is not valid, or not any more, or was used") from error
    except GuessingError as error:
        detail = "Too many wrong codes came for this station"
        raise Problem(429, "Too many wrong codes", detail, headers={"Retry-After": "60"}) from error
    except NotConnectedError as error:
        raise Problem(409, "Not connected", "The station is not connected") from error
    except NotOpenError as error:
        raise Problem(409, "Not open", "The payment was authorized before, or it took too long") from error
    except ReferenceUsedError as error:
        raise Problem(409, "Reference used", "Another payment has this psp_ref") from error
    except KeyError as error:
        raise _not_found() from error


def _not_found() -> Problem:
    return Problem(404, "Payment not found", "There is no web payment with this id")
