"""/webhooks/{id}/deliveries: what was sent, and what is to be; dead ones can be replayed."""

from collections.abc import Callable
from typing import Annotated

from csms_db.engine import Database
from csms_runtime.clock import utcnow
from csms_runtime.http import Page, PageParams, Problem, paginate, require
from csms_runtime.http.documented import problem
from csms_runtime.http.pages import MAX_PAGE_BYTES
from fastapi import APIRouter, Path, Query, Security

from csms_history.webhooks import delivery_rows
from csms_history.webhooks.delivery_rows import DeliveryState
from csms_history.webhooks.webhook_models import DeliveryItem, Replayed
from csms_history.webhooks.webhook_routes import WebhookId, existing

DeliveryId = Annotated[int, Path(ge=1, lt=2**63, description="`id` of the delivery")]


def router(database: Database, changed: Callable[[], None]) -> APIRouter:
    """Return the routes; `changed` is called when there is something to send."""
    routes = APIRouter(prefix="/webhooks/{id}", tags=["Webhooks"])
    admin = [Security(require("admin"))]

    @routes.get("/deliveries", dependencies=[Security(require("read"))])
    async def list_webhook_deliveries(
        webhook_id: Annotated[WebhookId, Path(alias="id")],
        page: PageParams,
        state: Annotated[DeliveryState | None, Query(description="Only those; null: all")] = None,
    ) -> Page[DeliveryItem]:
        """List a webhook's deliveries, the newest first. Those that are over stay for CSMS_KEEP_DELIVERIES_DAYS."""
        position = page.after(int)
        before = None if position is None else position[0]
        async with database.reading() as session:
            await existing(session, webhook_id)
            found = await delivery_rows.page(
                session, webhook_id, state=state, limit=page.limit, before=before, most_bytes=MAX_PAGE_BYTES
            )
        return paginate(found.rows, page.limit, position=lambda row: [row["id"]], item=DeliveryItem.of, more=found.more)

    @routes.post(
        "/deliveries/{number}/replay", dependencies=admin, responses={409: problem("The delivery is not dead")}
    )
    async def replay_webhook_delivery(
        webhook_id: Annotated[WebhookId, Path(alias="id")], number: DeliveryId
    ) -> Replayed:
        """Send a dead delivery again. 409: it is not dead."""
        async with database.transaction() as session:
            await existing(session, webhook_id)
            count = await delivery_rows.replay(session, webhook_id, utcnow(), number)
        if not count:
            raise Problem(409, "Not dead", "no dead delivery of this webhook has this id")
        changed()
        return Replayed(replayed=count)

    @routes.post("/replay", dependencies=admin)
    async def replay_webhook(webhook_id: Annotated[WebhookId, Path(alias="id")]) -> Replayed:
        """Send all dead deliveries again, the oldest thousand at a time, in order per station."""
        async with database.transaction() as session:
            await existing(session, webhook_id)
            count = await delivery_rows.replay(session, webhook_id, utcnow())
        changed()
        return Replayed(replayed=count)

    return routes
