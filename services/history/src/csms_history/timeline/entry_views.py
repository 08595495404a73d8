"""What the API shows of entries of timelines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from csms_runtime.http.fields import one_of
from pydantic import BaseModel, Field

from csms_history.timeline.facts import Kind
from csms_history.timeline.sentences import sentence

Row = Any
"""A row of the table, by column."""
_TYPE = (
    "connection: it connected or disconnected; refusal: it was not let in; boot; status: of a connector, an EVSE or "
    "the station; fault: a status that says so, or a problem that was told; authorization: a decision on a token; "
    "transaction; command: a CALL of ours is over; configuration: settings, certificates, passwords, availability; "
    "notification; audit: somebody asked for something over this API"
)


class _Entry(BaseModel):
    id: str
    occurred_at: datetime = Field(
        description="When it happened: the station's time of what it tells, where that can be true"
    )
    told_at: datetime = Field(description="When we learned of it, by our clock")
    sentence: str = Field(description="In one sentence. Stations wrote parts of it: show it as text")

    @classmethod
    def _common(cls, row: Row) -> dict[str, Any]:
        return {
            "id": row["entry_id"],
            "occurred_at": row["occurred_at"],
            "told_at": row["told_at"] or row["occurred_at"],
            "sentence": sentence(row["type"], row["detail"]),
        }


class TimelineEntry(_Entry):
    """Something that happened."""

    type: Annotated[str, one_of(*Kind)] = Field(description=_TYPE)
    event: str = Field(
        description="Of the domain event: station_connected, transaction_started, ...; of audit asked_for"
    )
    evse_id: int | None = Field(description="null: of the station, or not known")
    connector_id: int | None
    detail: Any = Field(
        description="What the event says (docs/topics.md); {omitted_bytes} of one over 64 KiB. connection_refused: "
        "once a minute for each address and reason, `first_at` is when the first one came; `checked` false: nobody "
        "knows whether it was this station"
    )

    @classmethod
    def of(cls, row: Row) -> Self:
        """Return the item of a row."""
        kind = Kind.FAULT if row["fault"] is not None else row["kind"] or Kind.NOTIFICATION
        place = {"evse_id": row["evse_id"], "connector_id": row["connector_id"]}
        return cls(**cls._common(row), type=kind, event=row["type"], **place, detail=row["detail"])


class StatusItem(_Entry):
    """A status that a connector, an EVSE or the station took."""

    evse_id: int | None = Field(description="null: the station itself")
    connector_id: int | None = Field(description="null: the EVSE itself")
    status: str | None = Field(description="As OCPP 2 names it, whichever version the station speaks")
    reported_status: str | None = Field(description="In the station's own words (OCPP 1.6)")
    error_code: str | None
    info: str | None
    vendor_error_code: str | None
    vendor_id: str | None

    @classmethod
    def of(cls, row: Row) -> Self:
        """Return the item of a row."""
        detail = row["detail"]
        said = {
            name: detail.get(name)
            for name in ("reported_status", "error_code", "info", "vendor_error_code", "vendor_id")
        }
        place = {"evse_id": row["evse_id"], "connector_id": row["connector_id"]}
        return cls(**cls._common(row), **place, status=row["status"], **said)


class FaultItem(_Entry):
    """A fault that a station told."""

    evse_id: int | None = Field(description="null: the station itself")
    connector_id: int | None = Field(description="null: the EVSE itself")
    fault: str = Field(description="The error code; Faulted: it told none; Problem, or the techCode, of a NotifyEvent")
    detail: Any = Field(description="What the event says (docs/topics.md)")

    @classmethod
    def of(cls, row: Row) -> Self:
        """Return the item of a row."""
        place = {"evse_id": row["evse_id"], "connector_id": row["connector_id"]}
        return cls(**cls._common(row), **place, fault=row["fault"] or "", detail=row["detail"])


class BootItem(_Entry):
    """A boot of a station, or that it said again that it had booted."""

    reason: str | None = Field(description="As the station spelled it; OCPP 1.6 has none")
    registration_status: str | None = Field(description="What it was answered")
    vendor_name: str | None
    model: str | None
    serial_number: str | None
    firmware_version: str | None
    previous_firmware_version: str | None = Field(description="What it told the time before")

    @classmethod
    def of(cls, row: Row) -> Self:
        """Return the item of a row."""
        told = {name: row["detail"].get(name) for name in cls.model_fields if name not in _Entry.model_fields}
        return cls(**cls._common(row), **told)


class TokenDecision(_Entry):
    """A decision whether somebody may charge, or end a transaction, with a token."""

    station_id: str
    evse_id: int | None = Field(description="null: not known")
    id_token: str = Field(description="A key code is masked")
    id_token_type: str | None
    status: str = Field(description="As OCPP 2.0.1 names it, whichever version the station speaks")
    reason: str | None = Field(
        description="stored, unknown, no_authorization, expired, site, labels, location, evse, credit, concurrency, "
        "certificate, remote_start, auth_away (docs/topics.md); null: it was not told"
    )
    purpose: str | None = Field(description="What it was shown for: authorize, transaction, stop")
    group_id_token: str | None
    transaction_id: str | None = Field(description="The station's id of the transaction")
    transaction: str | None = Field(description="Our id of it: GET /transactions/{id}")

    @classmethod
    def of(cls, row: Row) -> Self:
        """Return the item of a row."""
        detail = row["detail"]
        optional = ("id_token_type", "reason", "purpose", "group_id_token", "transaction_id", "transaction")
        return cls(
            **cls._common(row),
            station_id=row["station_id"],
            evse_id=row["evse_id"],
            id_token=detail.get("id_token", ""),
            status=row["status"] or "",
            **{name: detail.get(name) for name in optional},
        )


def position(row: Row) -> Sequence[str]:
    """Return the place of an entry in lists in order of time and id."""
    return [row["occurred_at"].isoformat(), row["entry_id"]]
