"""/dead-letters: records that a consumer of any service gave up."""

import base64
from datetime import datetime
from typing import Annotated, Any, Self

from csms_bus.ports import Bus
from csms_runtime.http import CurrentPrincipal, Page, PageParams, Problem, paginate, require
from csms_runtime.http.documented import problem
from fastapi import APIRouter, Path, Query, Response, Security
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from csms_device_mgmt.dead_letters import dead_letter_rows, replaying
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


_Text = Annotated[str | None, Field(max_length=500, pattern=_NO_NUL)]


class ReplayModel(BaseModel):
    """Which dead letters are to be published again. At least one of the first six is needed."""

    model_config = ConfigDict(extra="forbid")

    station_id: _Text = None
    topic: _Text = None
    group: Annotated[_Text, Field(description="The consumer group that gave up")] = None
    reason: _Text = None
    died_since: AwareDatetime | None = None
    died_until: AwareDatetime | None = Field(None, description="Before this moment")
    after: int = Field(0, ge=0, lt=2**63, description="Only those with a higher id: `last_id` of the call before")
    limit: int = Field(100, ge=1, le=1000, description="How many at most")

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if all(getattr(self, name) is None for name in self.model_fields_set - {"after", "limit"}):
            raise ValueError("say which: station_id, topic, group, reason, died_since or died_until")
        return self


class RefusedModel(BaseModel):
    """A dead letter that can never be published again."""

    id: int
    reason: str


class ReplayedModel(BaseModel):
    """What was done in one call."""

    replayed: int
    refused: list[RefusedModel]
    last_id: int | None = Field(description="The highest id that was looked at; null: there are none left")


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
        record = replaying.record_of(letter)
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
        found = await replaying.replay(units, bus, [await _existing(units, number)], principal.name)
        for why in found.refused.values():
            raise Problem(409, "Refused", why)
        return Response(status_code=204)

    @routes.post("/replay", dependencies=[admin])
    async def replay_dead_letters(wanted: ReplayModel, principal: CurrentPrincipal) -> ReplayedModel:
        """Publish many again: the oldest that fit and were not published again yet, of up to 8 MiB.

        Call it again with `after` set to `last_id`, until `last_id` is null. Repeats are harmless, and so is to begin
        anew. Records that fail again are new dead letters: without `died_until` they would be published once more.
        """
        equal: dict[str, str | None] = {"topic": wanted.topic, "group": wanted.group, "reason": wanted.reason}
        if wanted.station_id is not None:
            async with units.reading() as session:
                equal["station_id"] = await spelling(session, wanted.station_id)
        which = dead_letter_rows.Wanted(equal, wanted.died_since, wanted.died_until, wanted.after, wanted.limit)
        found = await replaying.replay_some(units, bus, which, principal.name)
        refused = [RefusedModel(id=number, reason=why) for number, why in found.refused.items()]
        return ReplayedModel(replayed=len(found.published), refused=refused, last_id=found.last)

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


def _shown(row: Any) -> dict[str, Any]:  # noqa: ANN401 a row with or without its value
    return {name: getattr(row, name) for name in DeadLetterModel.model_fields}


def _unknown() -> Problem:
    return Problem(404, "Unknown dead letter", "there is no dead letter of this id")
