"""N01, N09, N10: logs and customer information."""

from typing import TYPE_CHECKING

from csms_testing.simulator.clock import timestamp
from csms_testing.simulator.features import Job
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers.answers import answer, notify
from csms_testing.simulator.rpc import Reply

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

_DATA_PER_PART = 512


def get_log(station: "Station", request: Json) -> Reply:
    """N01; a second request cancels the first (N01.FR.12). Nothing is really uploaded."""
    cancels = station.features.log.running
    job = Job(request["requestId"], running=True)
    old, station.features.log = station.features.log, job
    name = f"{station.id}-{request['logType']}-{request['requestId']}.log"[:255]
    cancelled = old if cancels else None
    status = "AcceptedCanceled" if cancels else "Accepted"
    return answer(status, lambda: _upload(station, job, cancelled), filename=name)


async def _upload(station: "Station", job: Job, cancelled: Job | None) -> None:
    if cancelled is not None:
        await _tell(station, cancelled, "AcceptedCanceled")
    await _tell(station, job, "Uploading")
    await station.clock.sleep(station.config.transfer_s)
    if station.features.log is job:
        job.running = False
        await _tell(station, job, "Uploaded")


async def _tell(station: "Station", job: Job, status: str) -> None:
    job.status = status
    await notify(station, "LogStatusNotification", {"status": status, "requestId": job.request_id})


def customer_information(station: "Station", request: Json) -> Reply:
    """N09, N10: report, clear, or both."""
    if not (request["report"] or request["clear"]):
        return answer("Rejected", reason="InvalidParameter")
    named = [name for name in ("idToken", "customerCertificate", "customerIdentifier") if name in request]
    if len(named) != 1:
        return answer("Invalid", reason="InvalidParameter")
    text = _information(station, request)
    if request["clear"]:
        _clear(station, request)
    return answer("Accepted", lambda: _report(station, request, text))


def _information(station: "Station", request: Json) -> str:
    if not request["report"]:
        return ""
    known = station.tokens.find(request["idToken"]) if "idToken" in request else None
    return f"Known to the station: {known}" if known else "Nothing is stored about this customer."


def _clear(station: "Station", request: Json) -> None:
    if "idToken" in request:
        station.tokens.forget(request["idToken"])


async def _report(station: "Station", request: Json, text: str) -> None:
    """At least one part, also when only clearing (N10, TC_N_32)."""
    chunks = [text[start : start + _DATA_PER_PART] for start in range(0, len(text), _DATA_PER_PART)] or [""]
    for seq_no, chunk in enumerate(chunks):
        part = {
            "requestId": request["requestId"],
            "generatedAt": timestamp(),
            "seqNo": seq_no,
            "tbc": seq_no + 1 < len(chunks),
            "data": chunk,
        }
        await notify(station, "NotifyCustomerInformation", part)
