"""/sites: the places that stations belong to."""

from csms_runtime.http import Page, PageParams, Problem, paginate, require
from csms_runtime.http.documented import problem
from csms_runtime.http.problems import FieldError, invalid_request
from fastapi import APIRouter, Response, Security

from csms_device_mgmt.parameters import text_position
from csms_device_mgmt.sites import site_rows, site_views
from csms_device_mgmt.sites.site_views import SiteBody, SiteModel, SitePath
from csms_device_mgmt.tables import Site
from csms_device_mgmt.unit import Unit, Units


def router(units: Units) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Sites"], prefix="/sites")
    read, admin = Security(require("read")), Security(require("admin"))

    @routes.put("/{site_id}", dependencies=[admin], responses={201: {"model": SiteModel}})
    async def put_site(site_id: SitePath, body: SiteBody, response: Response) -> SiteModel:
        """Create (201) or change (200) a site. Omitted fields keep their value; creating one needs a name."""
        async with units.open() as unit:
            if await _put(unit, site_id, body):
                response.status_code = 201
        return await _shown(site_id)

    @routes.get("/{site_id}", dependencies=[read])
    async def get_site(site_id: SitePath) -> SiteModel:
        """Return a site. Its stations are those of `/stations?site_id=…`."""
        return await _shown(site_id)

    @routes.delete(
        "/{site_id}", dependencies=[admin], status_code=204, responses={409: problem("Stations belong to the site")}
    )
    async def delete_site(site_id: SitePath) -> None:
        """Delete a site that no station belongs to any more."""
        async with units.open() as unit:
            if await site_rows.find(unit.session, site_id, lock=True) is None:
                raise _unknown()
            if await site_rows.has_stations(unit.session, site_id):
                raise Problem(409, "Site in use", "stations belong to the site: give them another one, or none")
            await site_rows.remove(unit.session, site_id)

    @routes.get("", dependencies=[read])
    async def list_sites(page: PageParams) -> Page[SiteModel]:
        """List sites in the order of their ids."""
        async with units.reading() as session:
            rows = await site_rows.page(session, limit=page.limit + 1, after=text_position(page))
        return paginate(rows, page.limit, position=lambda row: [row.site_id], item=site_views.site)

    async def _shown(site_id: str) -> SiteModel:
        async with units.reading() as session:
            row: Site | None = await site_rows.find(session, site_id)
        if row is None:
            raise _unknown()
        return site_views.site(row)

    return routes


async def _put(unit: Unit, site_id: str, body: SiteBody) -> bool:
    """Create or change a site; True when it was created."""
    columns = {**body.columns, "updated_at": unit.now}
    if await site_rows.find(unit.session, site_id, lock=True) is None:
        if "name" not in columns:
            raise invalid_request([FieldError("/name", "required when a site is created")])
        if await site_rows.create(unit.session, {"site_id": site_id, "created_at": unit.now, **columns}):
            return True
    await site_rows.change(unit.session, site_id, columns)
    return False


def _unknown() -> Problem:
    return Problem(404, "Unknown site", "there is no such site")
