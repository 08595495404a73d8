"""GetInstalledCertificateIds and DeleteCertificate (M03, M04): what the station has, in its own words."""

from collections.abc import Sequence
from typing import Any

from csms_runtime import metrics

from csms_device_mgmt import versions
from csms_device_mgmt.certificates import installed_certificate_rows
from csms_device_mgmt.commands.executed import Executed
from csms_device_mgmt.unit import Unit

MOST = 500
"""Chains that are kept; no station has room for so many. The answer itself is kept with the call."""


async def apply_report(unit: Unit, executed: Executed) -> None:
    """Store what the station named in place of what it named before; NotFound: it has none (M03.FR.02)."""
    response, read = executed.response, versions.of(executed.protocol).certificates
    if response is None or read is None:
        return
    types, chains = read(executed.request, response)
    if len(chains) > MOST:
        metrics.DEVICES_NOT_KEPT.labels("installed certificates").inc(len(chains) - MOST)
    await installed_certificate_rows.replace(
        unit.session, executed.station_id, types, _of_types(chains[:MOST], types), executed.completion.completed_at
    )


def _of_types(chains: Sequence[dict[str, Any]], types: Sequence[str] | None) -> list[dict[str, Any]]:
    """Leave out what was not asked for: it is stored already, if the station ever named all."""
    return [chain for chain in chains if types is None or chain["certificateType"] in types]


async def apply_deletion(unit: Unit, executed: Executed) -> None:
    """Forget what the station deleted, or does not know (M04.FR.02, M04.FR.04)."""
    response = executed.response or {}
    if response.get("status") in {"Accepted", "NotFound"} and "certificateHashData" in executed.request:
        await installed_certificate_rows.remove(
            unit.session, executed.station_id, executed.request["certificateHashData"]
        )
