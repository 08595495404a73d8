"""/configuration-templates: what stations are to be configured to, and applying it."""

from typing import Annotated

from csms_runtime.http import CurrentPrincipal, Page, PageParams, Problem, demand, paginate, require
from csms_runtime.http.documented import problem
from csms_runtime.http.problems import FieldError, invalid_request
from fastapi import APIRouter, Path, Response, Security
from pydantic import BaseModel, ConfigDict, Field

from csms_device_mgmt import versions
from csms_device_mgmt.bulk import bulk_views
from csms_device_mgmt.bulk.beginning import Beginning, NewJob
from csms_device_mgmt.bulk.bulk_views import BulkModel
from csms_device_mgmt.bulk.selection import Selection
from csms_device_mgmt.commands.checks import violations
from csms_device_mgmt.commands.privileged import is_privileged
from csms_device_mgmt.configuration import template_rows, template_views
from csms_device_mgmt.configuration.applying import PROCEDURE
from csms_device_mgmt.configuration.template_views import TemplateBody, TemplateModel
from csms_device_mgmt.configuration.wanted import Wanted
from csms_device_mgmt.parameters import location, text_position
from csms_device_mgmt.sites.site_views import SITE_ID
from csms_device_mgmt.tables import ConfigurationTemplate
from csms_device_mgmt.unit import Units

MOST_TEMPLATES = 100
TemplateId = Annotated[str, Path(pattern=SITE_ID, description="Letters, digits and `._~-`, up to 48")]


class ApplyBody(BaseModel):
    """How a template is applied."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate_per_s: float = Field(10, gt=0, le=1000, description="How many stations are begun with in a second at most")
    timeout_s: float | None = Field(None, gt=0, le=600, description="How long a station may take for each answer")


_AS_USUAL = ApplyBody()


def router(units: Units, beginning: Beginning) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Configuration templates"])
    read, operate, admin = (Security(require(scope)) for scope in ("read", "operate", "admin"))
    base = "/configuration-templates"

    @routes.put(f"{base}/{{template_id}}", dependencies=[admin], responses={201: {"model": TemplateModel}})
    async def put_configuration_template(
        template_id: TemplateId, body: TemplateBody, response: Response
    ) -> TemplateModel:
        """Create (201) or replace (200) a template. 409: there are 100 already."""
        _check(body)
        async with units.open() as unit:
            is_new = await template_rows.find(unit.session, template_id) is None
            if is_new and await template_rows.count(unit.session) >= MOST_TEMPLATES:
                raise Problem(409, "Too many templates", f"there are {MOST_TEMPLATES} already")
            columns = {
                "template_id": template_id,
                "description": body.description,
                "selection": body.select.stored(),
                "sealed": template_rows.sealed(unit.sealer, template_id, body.wanted),
                "on_connect": body.on_connect,
                "created_at": unit.now,
                "updated_at": unit.now,
            }
            await template_rows.put(unit.session, columns)
        response.status_code = 201 if is_new else 200
        return _shown(await existing_template(units, template_id))

    @routes.get(f"{base}/{{template_id}}", dependencies=[read])
    async def get_configuration_template(template_id: TemplateId) -> TemplateModel:
        """Return a template, its secrets redacted."""
        return _shown(await existing_template(units, template_id))

    @routes.delete(f"{base}/{{template_id}}", dependencies=[admin], status_code=204)
    async def delete_configuration_template(template_id: TemplateId) -> None:
        """Delete a template. What it set stays set."""
        async with units.open() as unit:
            if not await template_rows.remove(unit.session, template_id):
                raise _unknown()

    @routes.get(base, dependencies=[read])
    async def list_configuration_templates(page: PageParams) -> Page[TemplateModel]:
        """List templates in the order of their ids."""
        async with units.reading() as session:
            rows = await template_rows.page(session, limit=page.limit + 1, after=text_position(page))
        return paginate(rows, page.limit, position=lambda row: [row.template_id], item=_shown)

    @routes.post(
        f"{base}/{{template_id}}/apply",
        dependencies=[operate],
        status_code=202,
        responses={429: problem("Too many jobs are not over yet")},
    )
    async def apply_configuration_template(
        template_id: TemplateId, principal: CurrentPrincipal, response: Response, body: ApplyBody = _AS_USUAL
    ) -> BulkModel:
        """Set on each selected station what it has not as the template wants it: a job, see /bulk.

        What is set is what differs by the stored device model, what is not known, and secrets. A station of which all
        is as it is to be gets no call. Needs the scope admin if the template has passwords or keys.
        """
        row = await existing_template(units, template_id)
        wanted = template_rows.opened(units.sealer, row)
        if _is_privileged(wanted):
            demand(principal, "admin")
        new = NewJob(
            action="SetVariables",
            payload=wanted._asdict(),
            shown={"template_id": template_id},
            select=Selection.model_validate(row.selection),
            rate_per_s=body.rate_per_s,
            timeout_s=body.timeout_s,
            procedure=PROCEDURE,
        )
        job = await beginning.begin(new, principal.name)
        response.headers["Location"] = location("bulk", job.bulk_id)
        return bulk_views.job(job)

    def _shown(row: ConfigurationTemplate) -> TemplateModel:
        return template_views.template(row, template_rows.opened(units.sealer, row))

    return routes


async def existing_template(units: Units, template_id: str) -> ConfigurationTemplate:
    """Return a template. Raises Problem 404."""
    async with units.reading() as session:
        row = await template_rows.find(session, template_id)
    if row is None:
        raise _unknown()
    return row


def _check(body: TemplateBody) -> None:
    """Raise Problem 422 for what no station could be asked."""
    if not body.variables and not body.keys:
        raise invalid_request([FieldError("/variables", "a template wants variables, keys or both")])
    message = versions.ASSUMED.set_variables
    for number, element in enumerate(body.variables):
        found = [] if message is None else violations(versions.ASSUMED, *message.request([element]))
        if message is not None and found:
            pointer = message.pointer(found[0].pointer, 0).removeprefix("/0")
            raise invalid_request([FieldError(f"/variables/{number}{pointer}", found[0].detail)])


def _is_privileged(wanted: Wanted) -> bool:
    keys = ({"key": name, "value": value} for name, value in wanted.keys.items())
    return is_privileged("SetVariables", {"setVariableData": list(wanted.variables)}) or any(
        is_privileged("ChangeConfiguration", each) for each in keys
    )


def _unknown() -> Problem:
    return Problem(404, "Unknown template", "there is no such configuration template")
