"""/stations/{id}/installed-certificates: which certificates a station said it has (M03)."""

from csms_runtime.http import Page, PageParams, paginate, require
from fastapi import APIRouter, Security

from csms_device_mgmt.certificates import installed_certificate_rows
from csms_device_mgmt.certificates.installed_certificate_views import InstalledCertificateModel
from csms_device_mgmt.parameters import StationId, existing, number_position
from csms_device_mgmt.tables import InstalledCertificate
from csms_device_mgmt.unit import Units

_HIGHEST = 2**31 - 1
"""Position of a certificate that the column can hold."""


def router(units: Units) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["Certificates"])

    @routes.get("/stations/{station_id}/installed-certificates", dependencies=[Security(require("read"))])
    async def list_installed_certificates(station_id: StationId, page: PageParams) -> Page[InstalledCertificateModel]:
        """List what the station answered to GetInstalledCertificateIds last, in its order and its own words.

        DeleteCertificate takes exactly this `certificate_hash_data` (M04.FR.07).
        """
        after = number_position(page, _HIGHEST)
        async with units.reading() as session:
            await existing(session, station_id)
            rows = await installed_certificate_rows.page(session, station_id, limit=page.limit + 1, after=after)
        return paginate(rows, page.limit, position=lambda row: [row.position], item=_view)

    return routes


def _view(row: InstalledCertificate) -> InstalledCertificateModel:
    return InstalledCertificateModel(
        id=str(row.position),
        certificate_type=row.certificate_type,
        certificate_hash_data=row.hash_data,
        child_certificate_hash_data=row.child_hash_data,
        reported_at=row.reported_at,
    )
