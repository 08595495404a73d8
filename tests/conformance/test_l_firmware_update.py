"""Block L, cases about UpdateFirmware: each update is followed by its requestId, also across the reboot."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from csms_testing.conformance import Transaction
from csms_testing.conformance.states import booted, status
from csms_testing.conformance.station import now

PEM = "-----BEGIN CERTIFICATE-----\n" + "MIIBszCCAVqgAwIBAgIB\n" * 40 + "-----END CERTIFICATE-----\n"
LOCATION = "https://example.com/firmware/2.0.bin"
BEFORE_REBOOT = ("Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting")


def firmware(**changes):
    signature = base64.b64encode(b"signature of the firmware" * 10).decode()
    signed = {"location": LOCATION, "retrieveDateTime": now(), "signingCertificate": PEM, "signature": signature}
    return {**signed, **changes}


def later(**time):
    moment = datetime.now(UTC) + timedelta(**time)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Updates:
    """Asks for updates, reports on them as the station, looks at what is shown."""

    def __init__(self, operator, station, connect):
        self.operator, self.station, self._connect = operator, station, connect
        self._path = f"/stations/{station.station_id}/firmware-updates"

    async def ask(self, request_id, *, answer="Accepted", **changes):
        """UpdateFirmware reaches the station exactly as the operator said it, and the answer is shown."""
        request = {"requestId": request_id, "firmware": firmware(**changes)}
        async with self.operator.calling(self.station.station_id, "UpdateFirmware", request) as pending:
            assert await self.station.reply("UpdateFirmware", {"status": answer}) == request
        assert pending.response == {"status": answer}
        shown = await self.shown(request_id)
        assert shown["response"] == {"status": answer}
        assert shown["request"] == request

    async def report(self, request_id, *statuses):
        """Every status is answered by {} and shown at once."""
        for status_ in statuses:
            request = {"status": status_, "requestId": request_id}
            assert await self.station.call("FirmwareStatusNotification", request) == {}
            assert (await self.shown(request_id))["status"] == status_

    async def rebooted(self):
        """A context manager: the station comes back with its new firmware, is accepted and tells its status."""
        await self.station.socket.close()
        return self._connect()

    async def booted(self, station):
        self.station = station
        answer = await booted(station, "FirmwareUpdate", evses=((1, 1), (2, 1)))
        assert answer["status"] == "Accepted"

    async def shown(self, request_id):
        return await self.operator.get(f"{self._path}/{request_id}")

    async def history(self, request_id):
        return [step["status"] for step in (await self.shown(request_id))["history"]]


@pytest.fixture
def updates(operator, station, connect):
    return Updates(operator, station, connect)


async def _completes(updates, request_id, *last, state="completed", before=BEFORE_REBOOT, already=()):
    """Report the way to the reboot, boot, report the rest."""
    await updates.report(request_id, *before)
    assert (await updates.shown(request_id))["state"] == "ongoing"
    async with await updates.rebooted() as station:
        await updates.booted(station)
        assert (await updates.shown(request_id))["state"] == "ongoing"
        await updates.report(request_id, *last)
    assert (await updates.shown(request_id))["state"] == state
    assert await updates.history(request_id) == [*already, *before, "Booted", *last]


async def test_tc_l_01_csms(updates, operator, station_id):
    await updates.ask(7)
    assert (await updates.shown(7))["state"] == "ongoing"
    await _completes(updates, 7, "Installed")
    boot = next(step for step in (await updates.shown(7))["history"] if step["status"] == "Booted")
    assert boot["detail"] == {"reason": "FirmwareUpdate", "firmwareVersion": "1.0.0"}
    assert [item["request_id"] for item in await operator.items(f"/stations/{station_id}/firmware-updates")] == [7]


@pytest.mark.parametrize("missing", ["signingCertificate", "signature"])
async def test_tc_l_01_csms_unsigned_firmware_is_not_sent(operator, station, station_id, missing):
    request = {"requestId": 1, "firmware": firmware()}
    del request["firmware"][missing]
    async with operator.calling(station_id, "UpdateFirmware", request) as pending:
        pass
    assert pending.http_status == 422
    assert [error["pointer"] for error in pending.body["errors"]] == [f"/firmware/{missing}"]
    assert "L01.FR." in pending.body["errors"][0]["detail"]
    await station.expect_nothing()


async def test_tc_l_01_csms_request_ids_are_used_once(updates, operator, station, station_id):
    await updates.ask(3)
    async with operator.calling(station_id, "UpdateFirmware", {"requestId": 3, "firmware": firmware()}) as pending:
        pass
    assert (pending.http_status, pending.body["errors"][0]["pointer"]) == (422, "/requestId")
    async with operator.posting(f"/stations/{station_id}/firmware-updates", {"firmware": firmware()}) as pending:
        assert (await station.reply("UpdateFirmware", {"status": "Accepted"}))["requestId"] == 4
    assert pending.response == {"status": "Accepted"}
    await station.expect_nothing()


async def test_tc_l_01_csms_idle_is_about_no_update(updates):
    await updates.ask(1)
    await updates.report(1, *BEFORE_REBOOT, "Installed")
    assert await updates.station.call("FirmwareStatusNotification", {"status": "Idle"}) == {}
    assert (await updates.shown(1))["status"] == "Installed"


async def test_tc_l_02_csms(updates):
    at = later(seconds=2)
    await updates.ask(1, installDateTime=at)
    assert (await updates.shown(1))["request"]["firmware"]["installDateTime"] == at
    before = ("Downloading", "Downloaded", "SignatureVerified", "InstallScheduled", "Installing", "InstallRebooting")
    await _completes(updates, 1, "Installed", before=before)


async def test_tc_l_03_csms(updates):
    at = later(seconds=2)
    await updates.ask(1, retrieveDateTime=at)
    assert (await updates.shown(1))["request"]["firmware"]["retrieveDateTime"] == at
    await _completes(updates, 1, "Installed", before=("DownloadScheduled", *BEFORE_REBOOT))


async def _refused(updates, answer):
    await updates.ask(1, answer=answer)
    shown = await updates.shown(1)
    assert (shown["state"], shown["status"], shown["history"]) == ("rejected", None, [])


async def _security_event(updates, operator, kind):
    event = {"type": kind, "timestamp": now()}
    assert await updates.station.call("SecurityEventNotification", event) == {}
    path = f"/stations/{updates.station.station_id}/notifications"
    (item,) = await operator.items(path, action="SecurityEventNotification")
    assert item["payload"] == event


async def test_tc_l_04_csms(updates, station):
    await _refused(updates, "RevokedCertificate")
    await station.expect_nothing()


async def test_tc_l_05_csms(updates, operator, station):
    await _refused(updates, "InvalidCertificate")
    await _security_event(updates, operator, "InvalidFirmwareSigningCertificate")
    await station.expect_nothing()


async def _fails(updates, *statuses):
    await updates.ask(1)
    await updates.report(1, *statuses)
    assert (await updates.shown(1))["state"] == "failed"
    assert await updates.history(1) == [*statuses]


async def test_tc_l_06_csms(updates, operator):
    await _fails(updates, "Downloading", "Downloaded", "InvalidSignature")
    await _security_event(updates, operator, "InvalidFirmwareSignature")


async def test_tc_l_07_csms(updates):
    await _fails(updates, "Downloading", "DownloadFailed")


async def test_tc_l_08_csms(updates):
    await _fails(updates, "Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallVerificationFailed")


async def test_tc_l_09_csms(updates):
    await updates.ask(1)
    await _completes(updates, 1, "InstallationFailed", state="failed")


async def test_tc_l_10_csms(updates):
    await updates.ask(1)
    await updates.report(1, "Downloading")
    await updates.ask(2, answer="AcceptedCanceled")
    assert (await updates.shown(1))["state"] == "canceled"
    await _completes(updates, 2, "Installed")
    assert (await updates.shown(1))["state"] == "canceled"
    assert await updates.history(1) == ["Downloading"]


async def test_tc_l_11_csms(updates):
    await updates.ask(1)
    await updates.report(1, "Downloading")
    await updates.ask(2, answer="Rejected")
    assert (await updates.shown(1))["state"] == "ongoing"
    await _completes(updates, 1, "Installed", before=BEFORE_REBOOT[1:], already=("Downloading",))
    assert (await updates.shown(2))["state"] == "rejected"
    assert await updates.history(2) == []


async def test_tc_l_13_csms(updates, operator, station, station_id, tokens):
    transaction = Transaction(station, tokens.valid)
    await transaction.energy_transfer_started()
    await updates.ask(1)
    await updates.report(1, "DownloadScheduled")
    await status(station, "Unavailable", (2, 1))
    evses = {evse["evse_id"]: evse["connectors"] for evse in (await operator.station(station_id))["evses"]}
    assert evses[2][0]["status"] == "Unavailable"
    await transaction.stop_authorized()
    await transaction.ev_connected_post_session()
    await transaction.ev_disconnected()
    await _completes(updates, 1, "Installed", already=("DownloadScheduled",))
