"""B07, B08: reports of the device model in NotifyReport parts."""

from typing import TYPE_CHECKING

from csms_testing.simulator.clock import timestamp
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers.answers import answer, notify, parts, refuse
from csms_testing.simulator.rpc import Reply

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station


def get_base_report(station: "Station", request: Json) -> Reply:
    """B07."""
    return _report(station, request["requestId"], station.model.inventory(request["reportBase"]))


def get_report(station: "Station", request: Json) -> Reply:
    """B08."""
    wanted = request.get("componentVariable")
    if wanted and len(wanted) > station.model.number("DeviceDataCtrlr", "ItemsPerMessage", "GetReport"):
        return refuse("OccurrenceConstraintViolation", "more than ItemsPerMessage[GetReport] (B08.FR.17)")
    return _report(station, request["requestId"], station.model.report(wanted, request.get("componentCriteria")))


def _report(station: "Station", request_id: int, data: list[Json]) -> Reply:
    if not data:
        return answer("EmptyResultSet")
    return answer("Accepted", lambda: _send(station, request_id, data))


async def _send(station: "Station", request_id: int, data: list[Json]) -> None:
    generated_at = timestamp()
    for seq_no, tbc, chunk in parts(data, station.config.report_part_size):
        part = {
            "requestId": request_id,
            "generatedAt": generated_at,
            "seqNo": seq_no,
            "tbc": tbc,
            "reportData": chunk,
        }
        await notify(station, "NotifyReport", part)
