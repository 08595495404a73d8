"""L01-L04: firmware updates and a local controller's publishing, with the statuses a real transfer would report."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from csms_testing.simulator.features import Job
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers.answers import answer, notify
from csms_testing.simulator.rpc import Reply

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

_LONGEST_WAIT_S = 24 * 3600
_FAILURES = ("DownloadFailed", "InvalidSignature", "InstallationFailed", "InstallVerificationFailed")


def update_firmware(station: "Station", request: Json) -> Reply:
    """L01, L02; a second request cancels the first (L01.FR.24)."""
    certificate = request["firmware"].get("signingCertificate")
    if certificate is not None and "BEGIN CERTIFICATE" not in certificate:
        return answer("InvalidCertificate")
    cancels = station.features.firmware.running
    job = Job(request["requestId"], running=True)
    station.features.firmware = job
    return answer("AcceptedCanceled" if cancels else "Accepted", lambda: _update(station, request, job))


async def _update(station: "Station", request: Json, job: Job) -> None:
    for name, seconds in _steps(station, request):
        await station.clock.sleep(seconds)
        if station.features.firmware is not job:
            return  # cancelled by a newer request
        await _tell(station, job, name)
        if name in _FAILURES:
            job.running = False
            return
    await _reboot_into(station, request, job)


def _steps(station: "Station", request: Json) -> Iterator[tuple[str, float]]:
    """Status and the simulated seconds before it."""
    firmware, transfer = request["firmware"], station.config.transfer_s
    failure = station.config.firmware_fails_with
    wait = _seconds_until(firmware["retrieveDateTime"])
    if wait > 0:
        yield "DownloadScheduled", 0
    yield "Downloading", wait
    yield ("DownloadFailed" if failure == "DownloadFailed" else "Downloaded"), transfer
    if "signature" in firmware:
        yield ("InvalidSignature" if failure == "InvalidSignature" else "SignatureVerified"), 0
    install = _seconds_until(firmware.get("installDateTime"))
    if install > 0:
        yield "InstallScheduled", 0
    yield "Installing", install
    yield (failure if failure in ("InstallationFailed", "InstallVerificationFailed") else "InstallRebooting"), transfer


def _seconds_until(moment: str | None) -> float:
    if moment is None:
        return 0.0
    return max(0.0, (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds())


async def _reboot_into(station: "Station", request: Json, job: Job) -> None:
    """L01.FR.08 ff.: wait for transactions to end, reboot, and report Installed once accepted again."""
    await station.wait_for(lambda: not station.transactions(), timeout_s=_LONGEST_WAIT_S)
    version = request["firmware"]["location"].rstrip("/").rpartition("/")[2][:50]
    station.model.write("ChargingStation", "FirmwareVersion", version or station.config.firmware_version)
    boots = station.boots
    await station.reboot("FirmwareUpdate")
    await station.wait_for(lambda: station.boots > boots and station.accepted, timeout_s=_LONGEST_WAIT_S)
    job.running = False
    await _tell(station, job, "Installed")


async def _tell(station: "Station", job: Job, name: str) -> None:
    job.status = name
    await notify(station, "FirmwareStatusNotification", {"status": name, "requestId": job.request_id})


def publish_firmware(station: "Station", request: Json) -> Reply:
    """L03: as a local controller would."""
    job = Job(request["requestId"], running=True)
    station.features.publishing = job
    return answer("Accepted", lambda: _publish(station, request, job))


async def _publish(station: "Station", request: Json, job: Job) -> None:
    for name in ("Downloading", "Downloaded", "ChecksumVerified", "Published"):
        await station.clock.sleep(station.config.transfer_s / 4)
        job.status = name
        payload: Json = {"status": name, "requestId": job.request_id}
        if name == "Published":
            payload["location"] = [f"http://{station.id.lower()}.local/{request['checksum']}"]
            station.features.published[request["checksum"]] = request["location"]
            job.running = False
        await notify(station, "PublishFirmwareStatusNotification", payload)


def unpublish_firmware(station: "Station", request: Json) -> Reply:
    """L04."""
    if station.features.publishing.running:
        return answer("DownloadOngoing")
    found = station.features.published.pop(request["checksum"], None)
    return answer("Unpublished" if found else "NoFirmware")
