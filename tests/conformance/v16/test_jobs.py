"""OCPP 1.6, firmware and logs: TC_044, TC_045, TC_079, TC_080, TC_081. Those without a requestId are numbered here."""

import base64

import pytest
from csms_testing.conformance.station import now
from csms_testing.conformance.v16 import booted

PEM = "-----BEGIN CERTIFICATE-----\n" + "MIIBszCCAVqgAwIBAgIB\n" * 40 + "-----END CERTIFICATE-----\n"
LOCATION = "https://example.com/firmware/2.0.bin"


@pytest.fixture
def job(operator, station, station_id):
    """Asks for a job by its resource, reports on it as the station, and returns it as it is shown then."""

    async def run(path, wanted, action, message, statuses, *, answer=None):
        async with operator.posting(f"/stations/{station_id}/{path}", wanted) as pending:
            request = await station.reply(action, answer or {})
        assert pending.outcome == "result"
        (shown,) = await operator.items(f"/stations/{station_id}/{path}")
        assert (shown["state"], shown["request"]) == ("ongoing", request)
        number = {"requestId": request["requestId"]} if "requestId" in request else {}
        for status in statuses:
            assert await station.call(message, {"status": status, **number}) == {}
        (shown,) = await operator.items(f"/stations/{station_id}/{path}")
        assert [step["status"] for step in shown["history"]] == list(statuses)
        return shown

    return run


def _update():
    return (
        "firmware-updates",
        {"location": LOCATION, "retrieveDate": now()},
        "UpdateFirmware",
        "FirmwareStatusNotification",
    )


async def test_tc_044_1_csms(job, connect, station, operator, station_id):
    shown = await job(*_update(), ("Downloading", "Downloaded", "Installing"))
    assert shown["state"] == "ongoing"
    await station.socket.close()
    async with connect() as again:
        await booted(again, firmwareVersion="2.0.0")
        assert await again.call("FirmwareStatusNotification", {"status": "Installed"}) == {}
    (shown,) = await operator.items(f"/stations/{station_id}/firmware-updates")
    assert shown["state"] == "completed"
    assert [step["status"] for step in shown["history"]][-2:] == ["Booted", "Installed"]


async def test_tc_044_2_csms(job):
    assert (await job(*_update(), ("Downloading", "DownloadFailed")))["state"] == "failed"


async def test_tc_044_3_csms(job):
    shown = await job(*_update(), ("Downloading", "Downloaded", "Installing", "InstallationFailed"))
    assert shown["state"] == "failed"


def _diagnostics():
    return "logs", {"location": "https://example.com/logs/"}, "GetDiagnostics", "DiagnosticsStatusNotification"


async def test_tc_045_1_csms(job):
    shown = await job(*_diagnostics(), ("Uploading", "Uploaded"), answer={"fileName": "diagnostics.zip"})
    assert (shown["state"], shown["response"]) == ("completed", {"fileName": "diagnostics.zip"})


async def test_tc_045_2_csms(job):
    shown = await job(*_diagnostics(), ("Uploading", "UploadFailed"), answer={"fileName": "diagnostics.zip"})
    assert shown["state"] == "failed"


async def test_tc_079_csms(job):
    wanted = {"logType": "SecurityLog", "log": {"remoteLocation": "https://example.com/logs/"}}
    answer = {"status": "Accepted", "filename": "security.log"}
    shown = await job("logs", wanted, "GetLog", "LogStatusNotification", ("Uploading", "Uploaded"), answer=answer)
    assert shown["state"] == "completed"


def _signed():
    signature = base64.b64encode(b"signature of the firmware" * 10).decode()
    firmware = {"location": LOCATION, "retrieveDateTime": now(), "signingCertificate": PEM, "signature": signature}
    return "firmware-updates", {"firmware": firmware}, "SignedUpdateFirmware", "SignedFirmwareStatusNotification"


async def test_tc_080_csms(job):
    statuses = ("Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting", "Installed")
    assert (await job(*_signed(), statuses, answer={"status": "Accepted"}))["state"] == "completed"


async def test_tc_081_csms(job, station, operator, station_id):
    statuses = ("Downloading", "Downloaded", "InvalidSignature")
    assert (await job(*_signed(), statuses, answer={"status": "Accepted"}))["state"] == "failed"
    event = {"type": "InvalidFirmwareSignature", "timestamp": now()}
    assert await station.call("SecurityEventNotification", event) == {}
    path = f"/stations/{station_id}/notifications"
    assert [item["payload"] for item in await operator.items(path, action="SecurityEventNotification")] == [event]
