"""Gives stations a place of our own for their logs, when who asks for one names none."""

from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any

from csms_runtime.ids import new_id

from csms_device_mgmt.log_uploads import upload_rows
from csms_device_mgmt.log_uploads.upload import Credentials, digest, location
from csms_device_mgmt.unit import Units

_PASSWORD_BYTES = 24


async def with_place(units: Units, station_id: str, request_id: int, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is wanted of GetLog, with a place to upload to if it has none and there is a receiver."""
    base, log = units.settings.log_upload_url, wanted.get("log", {})
    has_place = "location" in wanted or not isinstance(log, dict) or "remoteLocation" in log  # the former: OCPP 1.6
    if base is None or has_place:
        return dict(wanted)
    credentials = Credentials(new_id(), token_urlsafe(_PASSWORD_BYTES))
    async with units.open() as unit:
        await upload_rows.expect(
            unit.session,
            credentials.user,
            station_id,
            request_id=request_id,
            password=digest(credentials.password),
            now=unit.now,
        )
    return {**wanted, "log": {**log, "remoteLocation": location(base, credentials)}}
