"""What the API takes and shows of webhooks."""

from datetime import datetime
from typing import Annotated, Self

import orjson
from csms_bus.events import by_name
from csms_db.packed import unpack
from csms_runtime.http.fields import NO_NUL, one_of, wrong
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator
from sqlalchemy import RowMapping

from csms_history.webhooks import signing
from csms_history.webhooks.delivery_rows import DeliveryState

_MOST = 1000
_TYPE_NAMES = 100
TypeName = Annotated[str, StringConstraints(max_length=50)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=255), NO_NUL]


class WebhookBody(BaseModel):
    """A webhook as it is to be."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, StringConstraints(max_length=2000), NO_NUL] = Field(
        default_factory=str,
        description="Where events are sent by POST: https, and a public address, unless settings allow others. A new "
        "webhook needs it",
    )
    types: list[TypeName] | None = Field(
        None, max_length=_TYPE_NAMES, description="Types of events (docs/events.md); null: all"
    )
    station_ids: list[Text] | None = Field(None, max_length=_MOST, description="Only of these stations; null: of all")
    site_ids: list[Text] | None = Field(
        None, max_length=_MOST, description="Only of stations that belong to these sites; null: of all"
    )
    description: Annotated[str, StringConstraints(max_length=500), NO_NUL] = Field(
        default_factory=str, description="For people"
    )
    enabled: bool = Field(
        default_factory=lambda: True,
        description="Of a new webhook: true. While false nothing is sent, and what happens meanwhile never is",
    )
    secret: str | None = Field(
        None,
        max_length=200,
        description="To sign with a secret of one's own: whsec_ and 24 to 64 bytes in base64. Left out: a new webhook "
        "gets one, a known one keeps its own. One that it has is not rotated. Write-only",
    )

    @field_validator("types")
    @classmethod
    def _known(cls, types: list[str] | None) -> list[str] | None:
        for position, name in enumerate(types or ()):
            if by_name(name) is None:
                raise wrong(f"/{position}", "there is no event of that name")
        return types

    @field_validator("secret")
    @classmethod
    def _usable(cls, secret: str | None) -> str | None:
        if secret is not None:
            signing.key_of(secret)
        return secret


class WebhookItem(BaseModel):
    """A webhook."""

    id: str
    url: str = Field(description="Administrators see all of it, others `***` in place of its query")
    types: list[str] | None
    station_ids: list[str] | None
    site_ids: list[str] | None
    description: str
    enabled: bool
    secret_rotated_at: datetime
    previous_secret_until: datetime | None = Field(description="Until then the secret before signs, too")
    failures: int = Field(description="Attempts that failed since the last one that succeeded")
    last_success_at: datetime | None
    last_failure_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: RowMapping) -> Self:
        """The item of a row of `webhooks`."""
        values = {name: row[name] for name in cls.model_fields if name in row}
        return cls(**values, id=row["webhook_id"], previous_secret_until=row["previous_until"])

    def for_others(self) -> Self:
        """Return it as those see it who are no administrators: the query of a URL may hold secrets."""
        start, mark, _ = self.url.partition("?")
        return self.model_copy(update={"url": f"{start}?***" if mark else start})


class PutWebhook(WebhookItem):
    """A webhook that was stored."""

    secret: str | None = Field(description="The secret of a new webhook, shown this once; null: it is known already")


class RotateBody(BaseModel):
    """How a secret is to be replaced."""

    model_config = ConfigDict(extra="forbid")

    overlap_s: int = Field(
        86_400, ge=0, le=30 * 86_400, description="How long the secret before signs, too, in seconds"
    )


class NewSecret(BaseModel):
    """A secret that was made."""

    secret: str = Field(description="Shown this once")
    previous_secret_until: datetime


class TestOutcome(BaseModel):
    """What became of a test message."""

    ok: bool = Field(description="The target answered with a 2xx")
    status: int | None = Field(description="The HTTP status; null: there was no answer")
    error: str | None = Field(description="Why it failed, or the beginning of the answer")
    took_ms: int
    message_id: str


class DeliveryItem(BaseModel):
    """An event for a webhook, and how far it is."""

    id: str
    message_id: str = Field(description="What the target gets as webhook-id, the same each time; the id of the event")
    type: str
    station_id: str | None = Field(description="The station as it was told; null: the event is about none")
    station_key: str | None = Field(description="The station's identity in small letters; null: it is about none")
    state: Annotated[str, one_of(*DeliveryState)]
    attempts: int
    next_attempt_at: datetime | None = Field(description="While it is pending")
    last_attempt_at: datetime | None
    last_status: int | None = Field(description="HTTP status of the last attempt; null: there was no answer")
    last_error: str | None = Field(description="Why it failed, or the beginning of the answer")
    took_ms: int | None
    size: int = Field(description="Bytes of the event")
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: RowMapping) -> Self:
        """The item of a row of `webhook_deliveries`."""
        values = {name: row[name] for name in cls.model_fields if name in row}
        pending = row["state"] == DeliveryState.PENDING
        values.update(
            id=str(row["id"]),
            station_id=orjson.loads(unpack(row["body"])).get("subject") if row["order_key"] else None,
            station_key=row["order_key"] or None,
            next_attempt_at=row["next_attempt_at"] if pending else None,
            last_error=row["last_error"] or None,
        )
        return cls(**values)


class Replayed(BaseModel):
    """What was put back."""

    replayed: int = Field(description="How many dead deliveries are pending again; a thousand at most")
