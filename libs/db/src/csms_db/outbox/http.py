"""/outboxes/{service}/set-aside-records: what a service wanted to tell others and never could."""

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from csms_runtime.http import Page, PageParams, Problem, paginate, require
from fastapi import APIRouter, Path, Response, Security
from pydantic import BaseModel, Field

from csms_db.outbox.aside import SetAside

Number = Annotated[int, Path(ge=1, lt=2**63, description="`id` of the record")]


class SetAsideRecord(BaseModel):
    """A record that can never be published as it is."""

    id: int
    topic: str
    key: str | None = Field(description="What its order holds for, usually the station's id")
    partition: int | None = Field(description="null: chosen by the key")
    size: int = Field(description="In bytes")
    reason: str
    created_at: datetime
    set_aside_at: datetime


class SetAsideValue(SetAsideRecord):
    """A record with what is in it."""

    value: str = Field(description="The protobuf message csms.v1.Record, in base64")


def router(aside: SetAside, service: str, wake: Callable[[], None]) -> APIRouter:
    """Return the routes for a service's outbox; `wake` is the relay's."""
    routes = APIRouter(tags=["Operations"], prefix=f"/outboxes/{service}/set-aside-records")
    admin = Security(require("admin"))
    named = service.replace("-", "_")

    @routes.get("", name=f"list_{named}_set_aside_records", dependencies=[Security(require("read"))])
    async def list_set_aside_records(page: PageParams) -> Page[SetAsideRecord]:
        """List records that could never be published, the newest first."""
        position = page.after(int)
        rows = await aside.page(limit=page.limit + 1, before=None if position is None else position[0])
        return paginate(rows, page.limit, position=lambda row: [row.id], item=lambda row: SetAsideRecord(**_shown(row)))

    @routes.get("/{number}", name=f"get_{named}_set_aside_record", dependencies=[admin])
    async def get_set_aside_record(number: Number) -> SetAsideValue:
        """Return one with its value."""
        row = await aside.find(number)
        if row is None:
            raise _unknown()
        return SetAsideValue(**_shown(row), value=base64.b64encode(row.record).decode())

    @routes.post("/{number}/replay", name=f"replay_{named}_set_aside_record", dependencies=[admin], status_code=204)
    async def replay_set_aside_record(number: Number) -> Response:
        """Put it into the outbox again, once the cause is gone."""
        if not await aside.replay(number):
            raise _unknown()
        wake()
        return Response(status_code=204)

    @routes.delete("/{number}", name=f"delete_{named}_set_aside_record", dependencies=[admin], status_code=204)
    async def delete_set_aside_record(number: Number) -> Response:
        """Delete it: nobody will be told."""
        if not await aside.delete(number):
            raise _unknown()
        return Response(status_code=204)

    return routes


def _shown(row: sa.Row[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in SetAsideRecord.model_fields}


def _unknown() -> Problem:
    return Problem(404, "Unknown record", "no record of this id is set aside")
