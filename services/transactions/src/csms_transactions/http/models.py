"""Bodies of answers. Times are RFC 3339 UTC, energies Wh."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from csms.v1.auth_pb2 import IdTokenInfo
from csms_db.packed import unpack
from csms_ocpp import long_list
from csms_ocpp.versions import Protocol
from csms_runtime.http.fields import Amount, one_of
from pydantic import BaseModel, Field, PlainSerializer

from csms_transactions import versions
from csms_transactions.domain import cost
from csms_transactions.domain.authorization import AuthorizationStatus
from csms_transactions.domain.events import EventType
from csms_transactions.domain.quality import Quality, notes_of
from csms_transactions.domain.series import Sample
from csms_transactions.domain.transaction import CHARGING, State
from csms_transactions.store.authorizations import Authorization
from csms_transactions.store.queries import Row
from csms_transactions.store.transaction_limits import Shown


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str)]


class Gap(BaseModel):
    """A run of events that were not received."""

    first: int = Field(description="First missing seqNo")
    last: int = Field(description="Last missing seqNo")


class TransactionItem(BaseModel):
    """A transaction as its events tell it; null: they do not tell it."""

    id: str = Field(description="Our id, unique among all stations")
    station_id: str
    transaction_id: str = Field(
        description="The station's id; a station may use it again for another transaction. Of OCPP 1.6 the number that "
        "we gave; where a station ends one that it has not from us, its number and the time of the end"
    )
    state: Annotated[str, one_of(*State)]
    evse_id: int | None
    connector_id: int | None
    id_token: str | None = Field(
        description="The token of the first accepted authorization; of a remotely started transaction without any, "
        "that of the request; else one that is not known, if any. A KeyCode is shown as ***"
    )
    id_token_type: str | None = Field(description="Empty: OCPP 1.6 has no types, and the token is not known")
    stop_id_token: str | None = Field(description="The token that stopped it")
    stop_id_token_type: str | None = Field(description="Empty: OCPP 1.6 has no types")
    group_id_token: str | None = Field(description="The group auth named for the token")
    group_id_token_type: str | None
    charging_state: str | None = Field(description="The one told last; null after the end where that is Charging")
    started_at: Moment = Field(description="Of the Started event; while it is missing, of the first event received")
    ended_at: Moment | None
    time_spent_charging: int | None = Field(description="Seconds in the state Charging")
    time_spent_charging_derived: bool = Field(
        description="The station did not tell it; it was derived from the charging states and the times of events"
    )
    meter_start: float | None = Field(description="Register at the start in Wh; of phases their sum")
    meter_stop: float | None = Field(description="Register at the end, or the newest so far, in Wh")
    energy_wh: float | None = Field(description="What was charged, by the rules of docs/energy.md")
    energy_quality: Quality | None = Field(
        description="measured: the difference of two readings of one register, from the start and the end; derived: "
        "computed from measured values; estimated: a guess; implausible: the readings cannot be true, and energy_wh "
        "is null; null: too little was told"
    )
    energy_notes: list[str] = Field(description="Why the quality is not measured")
    cost: Amount | None = Field(
        None,
        description="With taxes, so far: as the station told it (costDetails), else by the tariff that held when it "
        "began; null: neither is known, or the station's times cannot be true and time has a price",
    )
    currency: str | None = Field(None, description="Of the cost")
    stopped_reason: str | None
    remote_start_id: int | None
    reservation_id: int | None
    number_of_phases_used: int | None
    details: dict[str, Any] | None = Field(
        None,
        description="What only stations of OCPP 2.1 tell, in its words, each as told last: transactionLimit, "
        "costDetails (the totals; all of it is in the event), tariffId, operationMode",
    )
    offline_events: int = Field(description="Events that happened while the station was offline")
    event_count: int
    conflicts: int = Field(description="Events among these that have the seqNo of another one and other content")
    last_seq_no: int
    gaps: list[Gap] = Field(description="Events that were not received, the first 200 runs; empty when all are here")
    started_missing: bool = Field(description="The Started event was not received")
    closed_at: Moment | None = Field(description="When it was ended without an Ended event; it stays when one comes")
    close_reason: str | None = Field(description="Why: the CSMS's reason, or an operator's")
    closed_by: str | None = Field(description="The operator who did it; empty: the CSMS")
    updated_at: Moment = Field(description="When it was changed last: an event came, or it was closed")
    revision: int = Field(description="Grows with each change, also over a restore of the database; not by one")

    @classmethod
    def of(cls, row: Row) -> Self:
        """The item of a row of `transactions`."""
        values = {name: row[name] for name in cls.model_fields if name in row}
        values.update(_charged(row), **_cost(row), energy_notes=notes_of(row["energy_reasons"]))
        if row["state"] == State.ENDED and row["charging_state"] == CHARGING:
            values["charging_state"] = None
        values["gaps"] = [Gap(first=first, last=last) for first, last in row["gaps"]]
        return cls(**values, started_missing=not row["started_seen"])


def _charged(row: Row) -> dict[str, Any]:
    told, derived = row["time_spent_charging"], row["charged_s"]
    is_derived = told is None and derived is not None
    return {
        "time_spent_charging": round(derived) if is_derived else told,
        "time_spent_charging_derived": is_derived,
    }


def _cost(row: Row) -> dict[str, Any]:
    spent, charged = row["time_spent_charging"], row["charged_s"]
    until = row["ended_at"] or row["last_event_at"] or row["started_at"]
    ended = row["state"] == State.ENDED
    of = cost.Used(row["energy_wh"], charged if spent is None else spent, row["started_at"], until, ended)
    found = cost.cost(row["details"], row["tariff"], of)
    return {} if found is None else {"cost": found.amount, "currency": found.currency}


class AuthorizationItem(BaseModel):
    """A token in an event, and what was decided about it."""

    token: str = Field(description="A KeyCode is shown as ***")
    type: str
    status: Annotated[str, one_of(*AuthorizationStatus)] | None = Field(
        description="As the station was told it; null: nothing is decided yet"
    )
    at: Moment = Field(description="The station's time of the event")
    seq_no: int = Field(description="Of the event")
    stops: bool = Field(description="It came to stop the transaction")
    group_id_token: str | None
    group_id_token_type: str | None
    decided_at: Moment | None

    @classmethod
    def of(cls, row: Authorization) -> Self:
        """The item of a row of `authorizations`."""
        info = IdTokenInfo.FromString(row.info or b"")
        group = info.group_id_token
        return cls(
            token=row.id_token,
            type=row.id_token_type or info.id_token_type,  # a token of OCPP 1.6 has the type that auth found
            status=row.status,
            at=row.at,
            seq_no=row.seq_no,
            stops=row.stops,
            group_id_token=group.id_token or None,
            group_id_token_type=group.type or None,
            decided_at=row.decided_at,
        )


class TransactionDetail(TransactionItem):
    """A transaction, with what was decided about the tokens in its events."""

    authorizations: list[AuthorizationItem] = Field(description="The first 200, by seqNo")
    power_w: float | None = Field(
        description="Watts as its newest messages say; null: they do not say it, or it has ended"
    )
    power_at: Moment | None = Field(description="When that was measured")
    transaction_limit: dict[str, float] | None = Field(
        description="The limits that were set for it while it ran (OCPP 2.1), as PUT /transactions/{id}/limit takes "
        "them. Those that the station holds are in `details`"
    )
    transaction_limit_set_by: str | None
    transaction_limit_set_at: Moment | None
    transaction_limit_told_at: Moment | None = Field(
        description="When the answer to an event had them; null: the answer to the next one will"
    )

    @classmethod
    def with_authorizations(
        cls, row: Row, authorizations: Iterable[Authorization], power: Sample | None, limit: Shown | None
    ) -> Self:
        """The item of a row of `transactions`."""
        items = [AuthorizationItem.of(one) for one in authorizations]
        at, watts = power or (None, None)
        return cls(
            **TransactionItem.of(row).model_dump(),
            authorizations=items,
            power_w=watts,
            power_at=at,
            transaction_limit=limit and limit.limit,
            transaction_limit_set_by=limit and limit.set_by,
            transaction_limit_set_at=limit and limit.set_at,
            transaction_limit_told_at=limit and limit.told_at,
        )


class EventItem(BaseModel):
    """An event as the station sent it."""

    id: str
    seq_no: int
    event_type: Annotated[str, one_of(*EventType)]
    trigger_reason: str = Field(description="Empty: OCPP 1.6 has none, but for a remote start that we found it to be")
    timestamp: Moment = Field(description="The station's time of the event")
    offline: bool
    received_at: Moment
    protocol: Annotated[str, one_of(*Protocol)]
    conflict: bool = Field(description="Another event has this seqNo, with other content")
    payload: dict[str, Any] = Field(description="The OCPP message, with KeyCodes replaced by ***")

    @classmethod
    def of(cls, row: Row) -> Self:
        """The item of a row of `transaction_events`."""
        values = {name: row[name] for name in cls.model_fields if name in row}
        values["payload"] = versions.of_stored(row["protocol"]).shown_event(unpack(row["payload"]))
        return cls(**values, id=_event_id(row), conflict=row["number"] >= 0)


def _event_id(row: Row) -> str:
    name = f"{row['transaction']}-{row['seq_no']}"
    return name if row["number"] < 0 else f"{name}-conflict-{row['number']}"


class MeterValueItem(BaseModel):
    """A meterValue of an event, or of a MeterValues message for the EVSE of the transaction."""

    id: str
    seq_no: int | None = Field(description="The event it came with; null: a MeterValues message")
    timestamp: str = Field(description="As the station wrote it")
    meter_value: dict[str, Any] = Field(
        description="OCPP's MeterValueType as it was sent. meterStart and meterStop of OCPP 1.6 are written as such"
    )

    @classmethod
    def all_of(cls, row: Row) -> list[Self]:
        """The items of an event, or of a row of `meter_values`."""
        seq_no = row.get("seq_no")
        read = versions.MESSAGES_METER_VALUES if seq_no is None else versions.of_stored(row["protocol"]).meter_values_in
        values = read(long_list.loads(unpack(row["payload"])))
        name = row["id"] if seq_no is None else _event_id(row)
        return [
            cls(id=f"{name}-{number}", seq_no=seq_no, timestamp=value["timestamp"], meter_value=value)
            for number, value in enumerate(values)
        ]


class MeterValuesMessageItem(BaseModel):
    """A MeterValues message of a station."""

    id: str
    transaction: str | None = Field(
        description="Our id of the transaction at whose EVSE and time it was measured, or that it names (OCPP 1.6)"
    )
    station_id: str
    evse_id: int = Field(description="0: the main meter")
    timestamp: Moment
    received_at: Moment
    payload: dict[str, Any] = Field(description="The OCPP message as it was sent")

    @classmethod
    def of(cls, row: Row) -> Self:
        """The item of a row of `meter_values`."""
        values = {name: row[name] for name in cls.model_fields if name in row}
        values["payload"] = long_list.loads(unpack(row["payload"]))
        return cls(**values)
