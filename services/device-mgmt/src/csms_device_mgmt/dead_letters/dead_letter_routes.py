"""/dead-letters: records that a consumer of any service gave up."""

import base64
from datetime import datetime
from typing import Annotated, Any

from csms.v1.bus_pb2 import Record
from csms_bus.ports import Bus, Outgoing, RecordRefused
from csms_runtime.http import CurrentPrincipal, Page, PageParams, Problem, paginate, require
from csms_runtime.http.documented import problem
from fastapi import APIRouter, Path, Query, Response, Security
from google.protobuf.message import DecodeError
from pydantic import BaseModel, Field

from csms_device_mgmt.dead_letters import dead_letter_rows
from csms_device_mgmt.parameters import number_position
from csms_device_mgmt.stations.station_rows import spelling
from csms_device_mgmt.tables import DeadLetter
from csms_device_mgmt.unit import Units

Number = Annotated[int, Path(ge=1, lt=2**63, description="`id` of the dead letter")]
_NO_NUL = r"^[^\x00]*$"
Wanted = Annotated[str | None, Query(max_length=500, pattern=_NO_NUL)]


class DeadLetterModel(BaseModel):
    """A record that a consumer gave up."""

    id: int
    station_id: str = Field(description="The record's key: the station's id, on most topics")
    topic: str
    partition: int
    offset: int
    group: str = Field(description="The consumer group that gave up")
    reason: str
    size: int = Field(description="In bytes")
    died_at: datetime
    replayed_at: datetime | None = Field(description="When it was published again last; null: never")
    replayed_by: str | None = Field(description="Who had it published again, as in the audit log")


class DeadLetterValue(DeadLetterModel):
    """A dead letter with what is in it."""

    value: str = Field(description="The record as it was on the topic (a protobuf message csms.v1.Record), in base64")
    body: str | None = Field(description="What kind of record it is; null: unknown to this version, or no record")


def router(units: Units, bus: Bus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Operations"], prefix="/dead-letters")
    admin = Security(require("admin"))

    @routes.get("", dependencies=[Security(require("read"))])
    async def list_dead_letters(
        page: PageParams,
        station_id: Wanted = None,
        topic: Wanted = None,
        reason: Wanted = None,
        replayed: Annotated[bool | None, Query(description="Whether it was published again")] = None,
    ) -> Page[DeadLetterModel]:
        """List records that were given up, the newest first."""
        wanted = {"topic": topic, "reason": reason}
        before = number_position(page)
        async with units.reading() as session:
            if station_id is not None:
                wanted["station_id"] = await spelling(session, station_id)
            rows = await dead_letter_rows.page(
                session, limit=page.limit + 1, before=before, wanted=wanted, replayed=replayed
            )
        return paginate(
            rows, page.limit, position=lambda row: [row.id], item=lambda row: DeadLetterModel(**_shown(row))
        )

    @routes.get("/{number}", dependencies=[admin])
    async def get_dead_letter(number: Number) -> DeadLetterValue:
        """Return one with its value."""
        letter = await _existing(units, number)
        record = _record(letter.value)
        body = None if record is None else record.WhichOneof("body")
        return DeadLetterValue(**_shown(letter), value=base64.b64encode(letter.value).decode(), body=body)

    @routes.post(
        "/{number}/replay",
        dependencies=[admin],
        status_code=204,
        responses={409: problem("It is no record, or the bus never takes it")},
    )
    async def replay_dead_letter(number: Number, principal: CurrentPrincipal) -> Response:
        """Publish the record again where it came from, as it was.

        The letter stays, with `replayed_at`. Repeats are harmless; a record that fails again is a new dead letter.
        """
        letter = await _existing(units, number)
        record = _record(letter.value)
        if record is None:
            raise Problem(409, "No record", "the value is no record: nobody can handle it")
        again = Outgoing(letter.topic, record, partition=letter.partition, key=letter.station_id, stored=letter.value)
        try:
            await bus.publish([again])
        except RecordRefused as error:
            raise Problem(409, "Refused", str(error)) from error
        async with units.open() as unit:
            await dead_letter_rows.replayed(unit.session, number, unit.now, principal.name)
        return Response(status_code=204)

    @routes.delete("/{number}", dependencies=[admin], status_code=204)
    async def delete_dead_letter(number: Number) -> Response:
        """Delete it."""
        async with units.open() as unit:
            if not await dead_letter_rows.delete(unit.session, number):
                raise _unknown()
        return Response(status_code=204)

    return routes


async def _existing(units: Units, number: int) -> DeadLetter:
    async with units.reading() as session:
        letter = await dead_letter_rows.find(session, number)
    if letter is None:
        raise _unknown()
    return letter


def _record(value: bytes) -> Record | None:
    try:
        return Record.FromString(value)
    except DecodeError:
        return None


def _shown(row: Any) -> dict[str, Any]:  # noqa: ANN401 a row with or without its value
    return {name: getattr(row, name) for name in DeadLetterModel.model_fields}


def _unknown() -> Problem:
    return Problem(404, "Unknown dead letter", "there is no dead letter of this id")
