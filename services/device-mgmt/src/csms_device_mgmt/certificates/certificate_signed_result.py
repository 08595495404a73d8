"""CertificateSigned (A02): the certificate a station shows with security profile 3."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography import x509

from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.security_profile import profile_changes
from csms_device_mgmt.stations import station_rows
from csms_device_mgmt.unit import Unit

CHARGING_STATION = "ChargingStationCertificate"


async def apply(unit: Unit, executed: Executed) -> None:
    """Remember until when the certificate is valid that the station took; a change of its profile may wait for it."""
    response = executed.response
    if response is None or executed.request.get("certificateType", CHARGING_STATION) != CHARGING_STATION:
        return
    station = (await station_rows.lock(unit.session, [executed.station_id])).get(executed.station_id)
    if station is None:
        return
    if response["status"] == "Accepted":
        station.certificate_not_after = _not_after(executed.request)
        await profile_changes.certificate_accepted(unit, station)
    else:
        profile_changes.certificate_refused(unit, station)


def _not_after(request: Mapping[str, Any]) -> datetime | None:
    """Return the end of the first certificate of the chain; None if there is none, or it cannot be read."""
    try:
        return x509.load_pem_x509_certificate(request.get("certificateChain", "").encode()).not_valid_after_utc
    except (ValueError, x509.InvalidVersion):
        return None
