"""Payments that drivers begin with the QR code of a station: checks the code, tells the station, starts (C25)."""

import hmac
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta

from csms.v1.station_pb2 import CallOrderVerdict, Outcome
from csms_bus.requests import NotAsked
from csms_db.engine import Database
from csms_ocpp import station_ids
from csms_runtime.clock import utcnow
from csms_runtime.ids import new_id
from csms_runtime.sealing import Sealer
from sqlalchemy import RowMapping
from sqlalchemy.exc import IntegrityError

from csms_transactions.domain import totp, web_payment
from csms_transactions.domain.events import DIRECT_PAYMENT
from csms_transactions.domain.remote import StartRequest
from csms_transactions.domain.totp import Totp
from csms_transactions.domain.web_payment import WebPaymentUrl
from csms_transactions.orders import Order, Orders
from csms_transactions.remote.control import BusyError, RemoteControl, Sent, Terms, check_verdict
from csms_transactions.remote.outcomes import outcome_name
from csms_transactions.store import web_payments
from csms_transactions.store.web_payments import SealedSettings, WebPayment
from csms_transactions.versions import together

_SEALED_AS = "web payment secret"
MOST_WRONG = 30
"""So many wrong codes of a station are heard in a minute; then none is, for who asks is guessing."""
_MINUTE = timedelta(minutes=1)
_MOST_STATIONS = 1000
_ID_DIGITS = 32


class NoWebPaymentsError(Exception):
    """The station is not set up for payments by QR code."""


class WrongCodeError(Exception):
    """The one-time password is not valid (C25.FR.08), or a payment was begun with it before."""


class GuessingError(Exception):
    """Too many wrong codes came for this station."""


class NotConnectedError(Exception):
    """The station is not connected: nobody should pay now."""


class ReferenceUsedError(Exception):
    """Another payment has this reference of the payment service provider: one authorization pays once."""


class NotOpenError(Exception):
    """The payment was authorized before, or it is too late."""


class WebPayments:
    """Begins payments, and starts transactions with them. Safe for use by many tasks."""

    def __init__(self, database: Database, orders: Orders, control: RemoteControl, sealer: Sealer, path: str) -> None:
        """`path`: how the path of URLs in QR codes is made; see `csms_transactions.domain.web_payment`."""
        self._database = database
        self._orders = orders
        self._control = control
        self._sealer = sealer
        self._path = path
        self._wrong: dict[str, deque[datetime]] = {}
        """When the last wrong codes came, by station."""

    async def set_up(self, station_id: str, made: Totp) -> SealedSettings:
        """Note how a station's codes are made."""
        secret = self._sealer.seal(made.shared_secret.encode(), _SEALED_AS, station_ids.key(station_id))
        settings = SealedSettings(station_id, secret, made.validity_time_s, made.length, utcnow())
        async with self._database.transaction() as session:
            await web_payments.put_settings(session, self._database.dialect, settings)
        return settings

    async def begin(self, url: str, terms: Terms, timeout_s: int) -> WebPayment:
        """Begin a payment, and tell the station, which keeps its EVSE for the driver for so many seconds (C25.FR.21).

        Raises BadUrlError, NoWebPaymentsError, WrongCodeError, GuessingError, NotConnectedError, and as
        `RemoteControl.start`.
        """
        asked = web_payment.read(url, self._path)
        station_id, payment_id = await self._checked(asked)
        now = utcnow()
        expires_at = now + timedelta(seconds=timeout_s)
        payment = WebPayment(payment_id, station_id, asked.evse_id, asked.limit, now, expires_at)
        async with self._database.transaction() as session:
            if not await web_payments.add(session, self._database.dialect, payment):
                raise WrongCodeError
        try:
            await self._tell(payment, terms, timeout_s)
        except Exception:
            async with self._database.transaction() as session:
                await web_payments.remove(session, payment.id)
            raise
        return payment

    async def _checked(self, asked: WebPaymentUrl) -> tuple[str, str]:
        """Return the station as it is spelled here, and the payment's id, if the code in the URL is its code."""
        async with self._database.reading() as session:
            settings = await web_payments.settings_of(session, asked.station_id)
        if settings is None:
            raise NoWebPaymentsError
        key, now = station_ids.key(settings.station_id), utcnow()
        wrong = self._wrong.get(key, deque())
        if len(wrong) >= MOST_WRONG and now - wrong[0] < _MINUTE:
            raise GuessingError
        secret = self._sealer.open(settings.shared_secret, _SEALED_AS, key).decode()
        made = Totp(secret, settings.validity_time_s, settings.length)
        if asked.version != totp.VERSION or not made.is_valid(asked.code, now):
            self._note_wrong(key, now)
            raise WrongCodeError
        return settings.station_id, _payment_id(secret, key, asked)

    def _note_wrong(self, key: str, now: datetime) -> None:
        noted = self._wrong.pop(key, deque(maxlen=MOST_WRONG))
        noted.append(now)
        self._wrong[key] = noted
        while len(self._wrong) > _MOST_STATIONS:
            del self._wrong[next(iter(self._wrong))]

    async def _tell(self, payment: WebPayment, terms: Terms, timeout_s: int) -> None:
        """Tell the station. What it answers says nothing; one that does not speak of payments is none to pay at."""
        forms = together(lambda version: version.web_payment_started(payment.evse_id or 0, timeout_s))
        order = Order(new_id(), payment.station_id, forms, terms.asker, terms.timeout_s)
        try:
            verdict, result = await self._orders.ask(order)
        except NotAsked as error:
            raise BusyError(str(error)) from error
        if verdict is not None and verdict.verdict != CallOrderVerdict.VERDICT_RECORDED:
            check_verdict(verdict, lambda _version: [])
        if result is not None and outcome_name(result) == "not_connected":
            raise NotConnectedError

    async def authorize(self, payment_id: str, psp_ref: str, limit: Mapping[str, float], terms: Terms) -> Sent:
        """Start the transaction of a payment that the payment service provider has authorized (C25.FR.23).

        `limit` holds beside that of the URL: the lower one counts. Raises KeyError: there is no such payment;
        NotOpenError, ReferenceUsedError, and as `RemoteControl.start`.
        """
        row = await self._taken(payment_id, psp_ref)
        request = StartRequest(
            station_id=row["station_id"],
            id_token={"idToken": psp_ref, "type": DIRECT_PAYMENT},
            evse_id=row["evse_id"],
            transaction_limit=_lower(row["transaction_limit"], limit) or None,
        )
        try:
            sent = await self._control.start(request, terms)
        except Exception:
            await self._give_back(payment_id)
            raise
        if _is_refused(sent):
            await self._give_back(payment_id)
        else:
            async with self._database.transaction() as session:
                await web_payments.note_call(session, payment_id, sent.call_id)
        return sent

    async def _taken(self, payment_id: str, psp_ref: str) -> RowMapping:
        try:
            async with self._database.transaction() as session:
                row = await web_payments.get(session, payment_id)
                if row is None:
                    raise KeyError(payment_id)
                if not await web_payments.take(session, payment_id, psp_ref, utcnow()):
                    raise NotOpenError
                return row
        except IntegrityError as error:
            raise ReferenceUsedError from error

    async def _give_back(self, payment_id: str) -> None:
        async with self._database.transaction() as session:
            await web_payments.give_back(session, payment_id)


def _payment_id(secret: str, station_key: str, asked: WebPaymentUrl) -> str:
    """Return the id of the payment that a code begins, once at each EVSE. Without the secret nobody can guess it."""
    told = "\0".join(("payment", station_key, str(asked.evse_id or 0), asked.code))
    return hmac.digest(secret.encode(), told.encode(), "sha256").hex()[:_ID_DIGITS]


def _lower(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {**one, **{name: min(value, one.get(name, value)) for name, value in other.items()}}


def _is_refused(sent: Sent) -> bool:
    """Whether nothing is started for sure."""
    if sent.result is None:
        return False
    if sent.result.outcome == Outcome.OUTCOME_RESULT:
        return b'"Accepted"' not in sent.result.payload
    return outcome_name(sent.result) in {"error", "not_connected"}
