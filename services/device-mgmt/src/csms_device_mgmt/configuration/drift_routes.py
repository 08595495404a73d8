"""How far stations are from configuration templates."""

from collections.abc import Sequence

from csms_runtime.http import Page, PageParams, require
from csms_runtime.http.pages import encode_cursor
from fastapi import APIRouter, Security
from sqlalchemy.ext.asyncio import AsyncSession

from csms_device_mgmt import versions
from csms_device_mgmt.bulk import selection
from csms_device_mgmt.bulk.selection import Selection
from csms_device_mgmt.configuration import template_rows, template_views
from csms_device_mgmt.configuration.template_routes import TemplateId, existing_template
from csms_device_mgmt.configuration.template_views import DriftModel
from csms_device_mgmt.configuration.wanted import Place, Wanted, compare
from csms_device_mgmt.connections.presence import Presence
from csms_device_mgmt.device_model.variable_key import VariableKey
from csms_device_mgmt.parameters import StationId, existing, text_position
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Units


def router(units: Units, presence: Presence) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["Configuration templates"])
    read = Security(require("read"))

    @routes.get("/configuration-templates/{template_id}/drift", dependencies=[read])
    async def list_configuration_drift(template_id: TemplateId, page: PageParams) -> Page[DriftModel]:
        """List the stations that a template selects, with how far each is from it by its stored device model.

        A page has up to 500 stations, whatever `limit` says.
        """
        row = await existing_template(units, template_id)
        wanted, chosen = template_rows.opened(units.sealer, row), Selection.model_validate(row.selection)
        async with units.reading() as session:
            ids, after = await selection.following(
                session, chosen, presence, text_position(page), most=min(page.limit, selection.SLICE)
            )
            places = await _places(session, wanted, ids)
        items = [template_views.drift(each, each, template_id, places[each]) for each in ids if each in places]
        cursor = None if after is None else encode_cursor([after])
        return Page(items=items, next_cursor=cursor)

    @routes.get("/stations/{station_id}/configuration-drift", dependencies=[read])
    async def list_station_configuration_drift(station_id: StationId) -> Page[DriftModel]:
        """List how far a station is from each template that selects it."""
        async with units.reading() as session:
            await existing(session, station_id)
            found = []
            for row in await template_rows.of_station(session, station_id, presence):
                places = await _places(session, template_rows.opened(units.sealer, row), [station_id])
                found.append(template_views.drift(row.template_id, station_id, row.template_id, places[station_id]))
        return Page(items=found, next_cursor=None)

    return routes


async def _places(session: AsyncSession, wanted: Wanted, station_ids: Sequence[str]) -> dict[str, Sequence[Place]]:
    """Compare stations that are known with what is wanted."""
    stations = await station_rows.to_command(session, station_ids)
    elements = {name: wanted.elements(version) for name, version in versions.VERSIONS.items()}
    paths = {VariableKey.in_message(element).path for each in elements.values() for element in each}
    stored = await template_rows.values(session, list(stations), sorted(paths))
    return {
        station_id: compare(elements[versions.of_station(row.connection_protocol).protocol.value], stored[station_id])
        for station_id, row in stations.items()
    }
