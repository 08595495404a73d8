"""/bulk: commands for many stations."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from csms_ocpp.actions import from_csms
from csms_runtime.http import CurrentPrincipal, Page, PageParams, Problem, demand, paginate, require
from csms_runtime.http.documented import problem
from csms_runtime.http.fields import UtcMoment, wrong
from csms_runtime.http.problems import FieldError, invalid_request
from csms_runtime.texts import NO_NUL
from fastapi import APIRouter, Path, Query, Response, Security
from pydantic import BaseModel, ConfigDict, Field, model_validator

from csms_device_mgmt import versions
from csms_device_mgmt.bulk import bulk_rows, bulk_views
from csms_device_mgmt.bulk.beginning import MOST_UNFINISHED, Beginning, NewJob
from csms_device_mgmt.bulk.bulk_views import BulkModel, BulkResultModel
from csms_device_mgmt.bulk.progress import FINAL, BulkState, TargetStatus
from csms_device_mgmt.bulk.selection import Selection
from csms_device_mgmt.commands.privileged import is_privileged
from csms_device_mgmt.deliveries.waiting import fault_of_wait
from csms_device_mgmt.parameters import location, moment_and_id, number_position
from csms_device_mgmt.redacted import redacted
from csms_device_mgmt.tables import BulkJob
from csms_device_mgmt.unit import Units

BulkId = Annotated[str, Path(max_length=64, pattern=NO_NUL)]


class BulkBody(BaseModel):
    """A command for many stations."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    action: str = Field(max_length=64, description="The action as OCPP spells it, for example Reset")
    payload: dict[str, Any] = Field(
        repr=False, description="The OCPP request payload, checked against the version that each station speaks"
    )
    select: Selection
    rate_per_s: float = Field(50, gt=0, le=5000, description="How many stations are commanded in a second at most")
    timeout_s: float | None = Field(
        None, gt=0, le=600, description="How long a station may take to answer; null: as for single calls"
    )
    deliver_until: UtcMoment | None = Field(
        None, description="Until when calls wait for stations that are not connected; null: they do not"
    )
    replace: bool = Field(default=False, description="As of single calls")

    @model_validator(mode="after")
    def _is_in_time(self) -> Self:
        if problem := fault_of_wait(self.deliver_until, replace=self.replace):
            raise wrong(*problem)
        return self


def router(units: Units, beginning: Beginning, wake: Callable[[], None]) -> APIRouter:
    """Return the routes. `wake` has jobs that go on looked for."""
    routes = APIRouter(tags=["Bulk"], prefix="/bulk")
    read, operate = Security(require("read")), Security(require("operate"))

    @routes.post(
        "",
        dependencies=[operate],
        status_code=202,
        responses={429: problem(f"{MOST_UNFINISHED} jobs are not over yet")},
    )
    async def start_bulk(body: BulkBody, principal: CurrentPrincipal, response: Response) -> BulkModel:
        """Send a command to many stations, each at most once: a job, which goes on when processes end.

        The stations are selected when it begins. What does not fit the version that a station speaks is that station's
        result (`refused`), as is a station that is not connected (`not_connected`). Needs the scope admin where the
        same call would. 422: it is for more stations than CSMS_BULK_STATIONS.
        """
        if is_privileged(body.action, body.payload):
            demand(principal, "admin")
        _check_action(body.action)
        new = NewJob(
            action=body.action,
            payload=body.payload,
            shown=redacted(versions.ASSUMED.protocol, body.action, body.payload),
            select=body.select,
            rate_per_s=body.rate_per_s,
            timeout_s=body.timeout_s,
            deliver_until=body.deliver_until,
            replace=body.replace,
        )
        row = await beginning.begin(new, principal.name)
        response.headers["Location"] = location("bulk", row.bulk_id)
        return bulk_views.job(row)

    @routes.get("", dependencies=[read])
    async def list_bulk(page: PageParams) -> Page[BulkModel]:
        """List the jobs, the newest first."""
        before = moment_and_id(page)
        async with units.reading() as session:
            rows = await bulk_rows.page(session, limit=page.limit + 1, before=before)
        return paginate(
            rows,
            page.limit,
            position=lambda row: [row.created_at.isoformat(), row.bulk_id],
            item=bulk_views.job,
        )

    @routes.get("/{bulk_id}", dependencies=[read])
    async def get_bulk(bulk_id: BulkId) -> BulkModel:
        """Return a job and how far it is."""
        return bulk_views.job(await _existing(units, bulk_id))

    @routes.get("/{bulk_id}/results", dependencies=[read])
    async def list_bulk_results(
        bulk_id: BulkId,
        page: PageParams,
        outcome: Annotated[TargetStatus | None, Query(description=f"One of {', '.join(FINAL)}")] = None,
        state: Annotated[
            Literal["waiting", "open", "deferred"] | None, Query(description="Those that it is not over for")
        ] = None,
    ) -> Page[BulkResultModel]:
        """List what became of the command at each station, in the order in which they are commanded."""
        if outcome is not None and (state is not None or outcome not in FINAL):
            raise invalid_request([FieldError("/outcome", f"one of {', '.join(FINAL)}, without state", "query")])
        after = number_position(page, 2**31 - 1)
        await _existing(units, bulk_id)
        async with units.reading() as session:
            found = await bulk_rows.results(
                session, bulk_id, limit=page.limit, after=after, status=bulk_views.status_of(state, outcome)
            )
        return paginate(
            found.rows,
            page.limit,
            position=lambda row: [row["BulkTarget"].position],
            item=bulk_views.result,
            more=found.more,
        )

    def change(verb: str, to: BulkState, possible: frozenset[BulkState], about: str) -> None:
        async def apply(bulk_id: BulkId) -> BulkModel:
            row = await _changed(units, bulk_id, to, possible)
            wake()
            return bulk_views.job(row)

        routes.add_api_route(
            f"/{{bulk_id}}/{verb}",
            apply,
            methods=["POST"],
            dependencies=[operate],
            responses={409: problem("It is over, or was cancelled")},
            name=f"{verb}_bulk",
            description=about,
        )

    running, paused, cancelled = BulkState.RUNNING, BulkState.PAUSED, BulkState.CANCELLED
    change(
        "pause", paused, frozenset({running, paused}), "Send nothing more until it is resumed. A repeat is harmless."
    )
    change("resume", running, frozenset({running, paused}), "Go on with a job that was paused. A repeat is harmless.")
    change(
        "cancel",
        cancelled,
        frozenset({running, paused, cancelled}),
        "Send nothing more, for good. What was sent is not taken back: its answers are still taken in. A repeat is "
        "harmless.",
    )
    return routes


def _check_action(action: str) -> None:
    if not any(from_csms(version.protocol, action) for version in versions.VERSIONS.values()):
        raise Problem(404, "Unknown action", f"no version has a message {action} from CSMS to station")


async def _existing(units: Units, bulk_id: str) -> BulkJob:
    async with units.reading() as session:
        row = await bulk_rows.find(session, bulk_id)
    if row is None:
        raise _unknown()
    return row


async def _changed(units: Units, bulk_id: str, to: BulkState, possible: frozenset[BulkState]) -> BulkJob:
    async with units.open() as unit:
        row = await bulk_rows.lock(unit.session, bulk_id)
        if row is None:
            raise _unknown()
        if row.state not in possible:
            raise Problem(409, f"Job is {row.state}", "nothing more is sent of it")
        row.state = to.value
        if row.lease_owner is None and row.finished_at is None:
            bulk_rows.release(row, None)
    return row


def _unknown() -> Problem:
    return Problem(404, "Unknown job", "there is no such bulk job")
