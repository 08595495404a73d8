"""/webhooks: where events are sent."""

import hmac
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

import orjson
from csms_db.engine import Database, WriteSession
from csms_runtime.clock import now_ms, utcnow
from csms_runtime.http import Page, PageParams, Problem, paginate, require
from csms_runtime.http.documented import problem
from csms_runtime.http.keys import Principal, Scope
from csms_runtime.http.problems import FieldError, invalid_request
from csms_runtime.http.security import CurrentPrincipal
from csms_runtime.ids import new_id
from csms_runtime.sealing import CannotOpen, Sealer
from fastapi import APIRouter, Body, Path, Response, Security
from sqlalchemy import RowMapping

from csms_history.event_log import log_rows
from csms_history.webhooks import signing, targets, webhook_rows
from csms_history.webhooks.sending import Sender
from csms_history.webhooks.sending_all import PURPOSE
from csms_history.webhooks.targets import Refused, TargetRules
from csms_history.webhooks.webhook_models import (
    NewSecret,
    PutWebhook,
    RotateBody,
    TestOutcome,
    WebhookBody,
    WebhookItem,
)

MOST_WEBHOOKS = 100
_OVERLAP = timedelta(days=1)
WebhookId = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="A name of your choice for the webhook")
]
_FILTERS = ("types", "station_ids", "site_ids")


class WebhookResource:
    """The handlers of webhooks."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        rules: TargetRules,
        new_sender: Callable[[], Sender],
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called after a webhook was changed."""
        self._database = database
        self._sealer = sealer
        self._rules = rules
        self._new_sender = new_sender
        self._changed = changed

    def router(self) -> APIRouter:
        """Return the routes, below /api/v1."""
        router = APIRouter(prefix="/webhooks", tags=["Webhooks"])
        read, admin = [Security(require("read"))], [Security(require("admin"))]
        created: dict[int | str, dict[str, Any]] = {201: {"model": PutWebhook}, 409: problem("There are too many")}
        router.add_api_route("", self.list_webhooks, methods=["GET"], dependencies=read)
        router.add_api_route("/{id}", self.get_webhook, methods=["GET"], dependencies=read)
        router.add_api_route("/{id}", self.put_webhook, methods=["PUT"], dependencies=admin, responses=created)
        router.add_api_route("/{id}", self.delete_webhook, methods=["DELETE"], dependencies=admin, status_code=204)
        router.add_api_route("/{id}/test", self.test_webhook, methods=["POST"], dependencies=admin)
        router.add_api_route("/{id}/rotate-secret", self.rotate_webhook_secret, methods=["POST"], dependencies=admin)
        return router

    async def list_webhooks(self, page: PageParams, principal: CurrentPrincipal) -> Page[WebhookItem]:
        """List webhooks, by id."""
        position = page.after(str)
        async with self._database.reading() as session:
            after = None if position is None else position[0]
            rows = await webhook_rows.page(session, limit=page.limit + 1, after=after)
        return paginate(rows, page.limit, position=lambda row: [row["webhook_id"]], item=partial(_seen_by, principal))

    async def get_webhook(
        self, webhook_id: Annotated[WebhookId, Path(alias="id")], principal: CurrentPrincipal
    ) -> WebhookItem:
        """Return a webhook; its secret is not shown."""
        async with self._database.reading() as session:
            return _seen_by(principal, await existing(session, webhook_id))

    async def put_webhook(
        self, webhook_id: Annotated[WebhookId, Path(alias="id")], body: WebhookBody, response: Response
    ) -> PutWebhook:
        """Create or change a webhook; what is left out keeps its value.

        It gets what happens from now on; the answer to the first PUT has its secret. Events come by POST in
        CloudEvents' JSON, signed as Standard Webhooks 1.0 has it (webhook-id, webhook-timestamp, webhook-signature), at
        least once, in order per station. What is not answered with a 2xx in 10 s is sent again, after 5 s and longer
        each time, for CSMS_WEBHOOK_RETRY_HOURS; then it is dead, and can be replayed.
        """
        if "url" in body.model_fields_set:
            self._check(body.url)
        async with self._database.transaction() as session:
            row = await webhook_rows.find(session, webhook_id, lock=True)
            secret = await self._create(session, webhook_id, body) if row is None else None
            if row is not None:
                await self._change(session, row, body)
            stored = await existing(session, webhook_id)
        self._changed()
        response.status_code = 201 if row is None else 200
        return PutWebhook(**WebhookItem.of(stored).model_dump(), secret=secret)

    def _check(self, url: str) -> None:
        try:
            targets.check(url, self._rules)
        except Refused as error:
            raise invalid_request([FieldError("/url", str(error))]) from error

    async def _create(self, session: WriteSession, webhook_id: str, body: WebhookBody) -> str:
        if not body.url:
            raise invalid_request([FieldError("/url", "required when a webhook is created")])
        if await webhook_rows.count(session) >= MOST_WEBHOOKS:
            raise Problem(409, "Too many webhooks", f"there are {MOST_WEBHOOKS}, the most there can be")
        secret, now = body.secret or signing.new_secret(), utcnow()
        columns = {
            "webhook_id": webhook_id,
            "secret": self._sealed(webhook_id, secret),
            "secret_rotated_at": now,
            "position": await log_rows.newest(session),
            "failures": 0,
            "created_at": now,
            **_columns(body),
        }
        if not await webhook_rows.create(session, columns):
            raise Problem(409, "Conflict", "the webhook is being created by others, try again")
        return secret

    async def _change(self, session: WriteSession, row: RowMapping, body: WebhookBody) -> None:
        given, webhook_id = {*body.model_fields_set, "updated_at"}, row["webhook_id"]
        columns = {name: value for name, value in _columns(body).items() if name in given}
        if columns.get("enabled") and not row["enabled"]:
            columns["position"] = await log_rows.newest(session)
        if body.secret is not None and not self._has(row, body.secret):
            columns |= self._rotation(row, body.secret, _OVERLAP)
        await webhook_rows.change(session, webhook_id, columns)

    async def delete_webhook(self, webhook_id: Annotated[WebhookId, Path(alias="id")]) -> Response:
        """Delete a webhook with its deliveries: nothing more is sent."""
        async with self._database.transaction() as session:
            if not await webhook_rows.delete(session, webhook_id):
                raise _unknown()
        self._changed()
        more = True
        while more:
            async with self._database.transaction() as session:
                more = await webhook_rows.delete_deliveries(session, webhook_id)
        return Response(status_code=204)

    async def test_webhook(self, webhook_id: Annotated[WebhookId, Path(alias="id")]) -> TestOutcome:
        """Send a signed test message now, once, and tell what came of it. It is an event of the type `webhook_test`."""
        async with self._database.reading() as session:
            row = await existing(session, webhook_id)
        message_id, started = new_id(), time.monotonic()
        body = _test_event(message_id, webhook_id)
        try:
            keys = [signing.key_of(self._sealer.open(row["secret"], PURPOSE, webhook_id).decode())]
        except CannotOpen as error:
            detail = "its secret was sealed under another CSMS_SECRET_KEY: rotate it"
            raise Problem(409, "Secret cannot be opened", detail) from error
        headers = signing.headers(message_id, now_ms() // 1000, body, keys)
        sender = self._new_sender()
        try:
            sent = await sender.send(row["url"], body, {**headers, "Content-Type": "application/cloudevents+json"})
        finally:
            await sender.close()
        took_ms = int((time.monotonic() - started) * 1000)
        return TestOutcome(
            ok=sent.ok, status=sent.status, error=sent.error or None, took_ms=took_ms, message_id=message_id
        )

    async def rotate_webhook_secret(
        self,
        webhook_id: Annotated[WebhookId, Path(alias="id")],
        body: Annotated[RotateBody, Body(default_factory=RotateBody)],
    ) -> NewSecret:
        """Make a new secret. Until `overlap_s` is over, messages carry a signature with each of the two."""
        secret = signing.new_secret()
        async with self._database.transaction() as session:
            row = await existing(session, webhook_id, lock=True)
            columns = self._rotation(row, secret, timedelta(seconds=body.overlap_s))
            await webhook_rows.change(session, webhook_id, columns)
        self._changed()
        return NewSecret(secret=secret, previous_secret_until=columns["previous_until"])

    def _rotation(self, row: RowMapping, secret: str, overlap: timedelta) -> dict[str, Any]:
        now = utcnow()
        return {
            "secret": self._sealed(row["webhook_id"], secret),
            "secret_rotated_at": now,
            "previous_secret": row["secret"],
            "previous_until": now + overlap,
        }

    def _has(self, row: RowMapping, secret: str) -> bool:
        try:
            known: bytes = self._sealer.open(row["secret"], PURPOSE, row["webhook_id"])
        except CannotOpen:
            return False
        return hmac.compare_digest(known, secret.encode())

    def _sealed(self, webhook_id: str, secret: str) -> bytes:
        return self._sealer.seal(secret.encode(), PURPOSE, webhook_id)


async def existing(session: Any, webhook_id: str, *, lock: bool = False) -> RowMapping:  # noqa: ANN401 any session
    """Return a webhook's row. Raises Problem 404."""
    row = await webhook_rows.find(session, webhook_id, lock=lock)
    if row is None:
        raise _unknown()
    return row


def _seen_by(principal: Principal, row: RowMapping) -> WebhookItem:
    item = WebhookItem.of(row)
    return item if principal.may(Scope.ADMIN) else item.for_others()


def _unknown() -> Problem:
    return Problem(404, "Unknown webhook", "there is no such webhook")


def _columns(body: WebhookBody) -> dict[str, Any]:
    filters = {name: getattr(body, name) or None for name in _FILTERS}
    return {
        "url": body.url,
        "description": body.description,
        "enabled": body.enabled,
        "updated_at": utcnow(),
        **filters,
    }


def _test_event(message_id: str, webhook_id: str) -> bytes:
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": message_id,
            "source": "/csms/history",
            "type": "webhook_test",
            "time": utcnow().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": {"webhook_id": webhook_id},
        }
    )
