"""Orders CALLs for stations. Only device-mgmt sends them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
from csms.v1.station_pb2 import CallForm, CallOrder, CallOrderVerdict, CommandResult
from csms_bus.ports import BusUnavailable, Outgoing
from csms_bus.records import new_record
from csms_bus.requests import NoAnswer, NotAsked, Requester
from csms_bus.topics import DEVICES_ORDERS
from csms_runtime.clock import now_ms

from csms_transactions.versions.version import Form

ORIGIN = "transactions"
"""Marks our commands among those of others."""
CONNECTING_S = 0.5
"""How long an order waits for a station that is not connected, as POST /stations/{id}/calls does."""
FIRST_BOOT_S = 5.0
"""How long an order waits for the first boot of a station that is connected, likewise."""
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Asker:
    """Who wants a CALL sent, and the key that repeats of the request have; empty: no key."""

    name: str
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A CALL to be sent, checked and noted already."""

    call_id: str
    station_id: str
    forms: Sequence[Form] = field(repr=False)
    """As versions write it, at least one; that of the station's version is sent."""
    asker: Asker
    timeout_s: float | None = None
    """Seconds the station may take; None: as many as stations have in general."""

    def action_for(self, protocol: str) -> str:
        """Return the action as a version names it; that of the first form if the version is not known."""
        found = (form for form in self.forms if protocol in form.protocols)
        return next(found, self.forms[0]).command.action


class Orders:
    """Orders CALLs. Safe for use by many tasks."""

    def __init__(self, requester: Requester, *, grace_s: float, service_timeout_s: float) -> None:
        """`service_timeout_s`: how long device-mgmt may take to record a call.

        `grace_s`: how much longer than the station's time an outcome is waited for.
        """
        self._requester = requester
        self._grace_s = grace_s
        self._service_timeout_s = service_timeout_s

    async def ask(self, order: Order) -> tuple[CallOrderVerdict | None, CommandResult | None]:
        """Order a CALL. Return device-mgmt's verdict and the result, which the history of calls has by then.

        There is no result when the verdict is against it, or when nothing is known in time. Blocks as long as `place`,
        then up to the station's time plus the grace. Raises NotAsked: nothing was ordered, and nothing is sent.
        """
        result = self._requester.expect(order.call_id)
        try:
            verdict = await self.place(order)
            if verdict is None or verdict.verdict != CallOrderVerdict.VERDICT_RECORDED:
                return verdict, None
            async with asyncio.timeout(verdict.timeout_ms / 1000 + self._grace_s):
                return verdict, (await result).command_result
        except TimeoutError:
            return verdict, None
        finally:
            self._requester.forget(order.call_id)

    async def place(self, order: Order) -> CallOrderVerdict | None:
        """Order a CALL. Return device-mgmt's verdict; None: it is silent, and may still send the CALL.

        The same order again is the same call. Blocks up to `service_timeout_s`, and up to CONNECTING_S longer when the
        station is not connected: it may just be connecting; up to FIRST_BOOT_S longer, or the time that the station may
        take, when it has yet to boot for the first time. Raises NotAsked as `ask`.
        """
        began_ms = now_ms()
        connecting_ms = began_ms + int(CONNECTING_S * 1000)
        booting_ms = began_ms + int(min(FIRST_BOOT_S, order.timeout_s or FIRST_BOOT_S) * 1000)
        while True:
            verdict = await self._placed(order, _future(connecting_ms), _future(booting_ms))
            if verdict is None or verdict.verdict != CallOrderVerdict.VERDICT_NOT_CONNECTED_YET:
                return verdict
            await asyncio.sleep(_LOOK_S)

    async def _placed(self, order: Order, connecting_until_ms: int, booting_until_ms: int) -> CallOrderVerdict | None:
        correlation_id = self._requester.new_correlation_id()
        (protocols, command), *others = order.forms
        body = CallOrder(
            call_id=order.call_id,
            action=command.action,
            payload=orjson.dumps(command.payload),
            origin=ORIGIN,
            deadline_ms=now_ms() + int(self._service_timeout_s * 1000),
            reply_to=self._requester.reply_to,
            correlation_id=correlation_id,
            requested_by=order.asker.name,
            idempotency_key=order.asker.idempotency_key,
            timeout_ms=int((order.timeout_s or 0) * 1000),
            protocols=protocols,
            forms=map(_form, others),
            connecting_until_ms=connecting_until_ms,
            booting_until_ms=booting_until_ms,
        )
        question = Outgoing(DEVICES_ORDERS.name, new_record(order.station_id, call_order=body))
        try:
            answer = await self._requester.ask(question, correlation_id, timeout_s=self._service_timeout_s)
        except NotAsked:
            raise
        except (NoAnswer, BusUnavailable):
            return None
        return answer.call_order_verdict


def _form(form: Form) -> CallForm:
    payload = orjson.dumps(form.command.payload)
    return CallForm(protocols=form.protocols, action=form.command.action, payload=payload)


def _future(moment_ms: int) -> int:
    """Return the moment, or 0 when it is over."""
    return moment_ms if now_ms() < moment_ms else 0
