"""/api-keys: who may call the HTTP API, beside the keys of the settings."""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from csms_bus.api_keys import api_key_record
from csms_db import outbox
from csms_db.engine import Database
from csms_runtime.clock import utcnow
from csms_runtime.http import (
    ApiKeys,
    Page,
    PageParams,
    Principal,
    Problem,
    Scope,
    digest_of,
    generate_api_key,
    paginate,
    require,
)
from csms_runtime.http.problems import FieldError, invalid_request
from csms_runtime.ids import new_id
from fastapi import APIRouter, Path, Response, Security
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from csms_auth.http.cursors import newest_first
from csms_auth.http.fields import Moment
from csms_auth.store import api_keys, tables
from csms_auth.store.api_keys import ApiKeyRow

_LAST_YEAR = 9998
"""A time of the year 9999 may not exist in every zone."""


def _storable(moment: datetime) -> datetime:
    if moment.year > _LAST_YEAR:
        raise ValueError(f"not after the year {_LAST_YEAR}; null: never")
    return moment


KeyId = Annotated[str, Path(max_length=36, description="The key's id, not the key")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
"""Nothing that a line of a log could not hold."""
Admin = Annotated[Principal, Security(require("admin"))]


class KeyStatus(StrEnum):
    """What a key is good for."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKeyBody(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(description="Who uses it; appears in the audit log")
    scopes: list[Scope] = Field(min_length=1, max_length=3, description="Each includes those before it")
    expires_at: Annotated[Moment, AfterValidator(_storable)] | None = Field(
        None, description="From then on it is refused; null: never"
    )


class ApiKeyItem(BaseModel):
    """A key as it is stored; the key itself is not."""

    id: str
    name: str
    scopes: list[Scope]
    status: KeyStatus
    created_at: Moment
    created_by: str
    expires_at: Moment | None
    revoked_at: Moment | None
    revoked_by: str | None

    @classmethod
    def of(cls, row: ApiKeyRow) -> Self:
        """Return the item of a stored key, as of now."""
        return cls(
            id=row.key_id,
            name=row.name,
            scopes=[Scope(scope) for scope in row.scopes],
            status=_status(row, utcnow()),
            created_at=row.created_at,
            created_by=row.created_by,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            revoked_by=row.revoked_by,
        )


class NewApiKey(ApiKeyItem):
    """A key that was just made."""

    key: str = Field(description="The key: shown this once, stored nowhere")


class ApiKeyResource:
    """The handlers of the keys. What they change goes to all services over the bus, and to this process at once."""

    def __init__(self, database: Database, wake_outbox: Callable[[], None], keys: ApiKeys) -> None:
        """`wake_outbox` is called after something was stored; `keys` are those this process accepts."""
        self._database = database
        self._wake_outbox = wake_outbox
        self._keys = keys

    def router(self) -> APIRouter:
        """Return the routes, below /api/v1."""
        router = APIRouter(prefix="/api-keys", tags=["API keys"], dependencies=[Security(require("admin"))])
        router.add_api_route("", self.create_api_key, methods=["POST"], status_code=201)
        router.add_api_route("", self.list_api_keys, methods=["GET"])
        router.add_api_route("/{id}", self.get_api_key, methods=["GET"])
        router.add_api_route("/{id}", self.revoke_api_key, methods=["DELETE"], status_code=204)
        return router

    async def create_api_key(self, body: ApiKeyBody, principal: Admin, response: Response) -> NewApiKey:
        """Make a key. It is in the answer and nowhere else; other services accept it within about a second."""
        now = utcnow()
        if body.expires_at is not None and body.expires_at <= now:
            raise invalid_request([FieldError("/expires_at", "is in the past")])
        key = generate_api_key()
        row = ApiKeyRow(
            key_id=new_id(),
            name=body.name,
            sha256=digest_of(key),
            scopes=[scope for scope in Scope if scope in body.scopes],
            created_at=now,
            created_by=principal.name,
            expires_at=body.expires_at,
        )
        async with self._database.transaction() as session:
            await api_keys.add(session, row)
            await outbox.add(session, tables.outbox, [api_key_record(row.told)])
        self._changed(row)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Location"] = f"/api/v1/api-keys/{row.key_id}"
        return NewApiKey(**ApiKeyItem.of(row).model_dump(), key=key)

    async def list_api_keys(self, page: PageParams) -> Page[ApiKeyItem]:
        """Return the keys, the newest first, also expired and revoked ones; not those of the settings."""
        async with self._database.reading() as session:
            rows = await api_keys.page(session, limit=page.limit + 1, after=newest_first(page))
        return paginate(rows, page.limit, position=_position, item=ApiKeyItem.of)

    async def get_api_key(self, key_id: Annotated[KeyId, Path(alias="id")]) -> ApiKeyItem:
        """Return a key, without the key itself."""
        return ApiKeyItem.of(await self._existing(key_id))

    async def revoke_api_key(self, key_id: Annotated[KeyId, Path(alias="id")], principal: Admin) -> None:
        """Revoke a key for good: refused here at once, by other services within about a second. Repeats do nothing."""
        await self._existing(key_id)
        async with self._database.transaction() as session:
            row = await api_keys.revoke(session, key_id, by=principal.name, now=utcnow())
            if row is not None:
                await outbox.add(session, tables.outbox, [api_key_record(row.told)])
        if row is not None:
            self._changed(row)

    async def _existing(self, key_id: str) -> ApiKeyRow:
        async with self._database.reading() as session:
            row = await api_keys.get(session, key_id)
        if row is None:
            raise Problem(404, "API key not found", "there is no key of this id")
        return row

    def _changed(self, row: ApiKeyRow) -> None:
        self._keys.take(row.told)
        self._wake_outbox()


def _status(row: ApiKeyRow, now: datetime) -> KeyStatus:
    if row.revoked_at is not None:
        return KeyStatus.REVOKED
    return KeyStatus.EXPIRED if row.expires_at is not None and row.expires_at <= now else KeyStatus.ACTIVE


def _position(row: ApiKeyRow) -> Sequence[str]:
    return row.created_at.isoformat(), row.key_id
