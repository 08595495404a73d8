"""Block L, cases about firmware that a local controller publishes."""

import pytest

LOCATION = "https://example.com/firmware/2.0.bin"
CHECKSUM = "d41d8cd98f00b204e9800998ecf8427e"


@pytest.fixture
def publish(operator, station, station_id):
    """Asks for a publication, reports on it, and returns what is shown."""

    async def publishing(*statuses, answer="Accepted", **last):
        request = {"requestId": 5, "location": LOCATION, "checksum": CHECKSUM}
        async with operator.calling(station_id, "PublishFirmware", request) as pending:
            assert await station.reply("PublishFirmware", {"status": answer}) == request
        assert pending.response == {"status": answer}
        for status in statuses:
            more = last if status == statuses[-1] else {}
            report = {"status": status, "requestId": 5, **more}
            assert await station.call("PublishFirmwareStatusNotification", report) == {}
        return await operator.get(f"/stations/{station_id}/firmware-publications/5")

    return publishing


async def test_tc_l_17_csms(publish):
    statuses = ("Downloading", "Downloaded", "ChecksumVerified", "Published")
    shown = await publish(*statuses, location=[LOCATION, "ftp://example.com/2.0.bin"])
    assert (shown["state"], shown["status"]) == ("completed", "Published")
    assert [step["status"] for step in shown["history"]] == [*statuses]
    assert shown["history"][-1]["detail"] == {"location": [LOCATION, "ftp://example.com/2.0.bin"]}


async def test_tc_l_19_csms(publish):
    await _fails(publish, "Downloading", "Downloaded", "InvalidChecksum")


async def test_tc_l_20_csms(publish):
    await _fails(publish, "Downloading", "Downloaded", "ChecksumVerified", "PublishFailed")


async def test_tc_l_24_csms(publish):
    await _fails(publish, "Downloading", "DownloadFailed")


async def _fails(publish, *statuses):
    shown = await publish(*statuses)
    assert (shown["state"], shown["status"]) == ("failed", statuses[-1])
    assert [step["status"] for step in shown["history"]] == [*statuses]


async def test_tc_l_21_csms(operator, station, station_id):
    await _unpublished(operator, station, station_id, "Unpublished")


async def test_tc_l_22_csms(operator, station, station_id):
    await _unpublished(operator, station, station_id, "NoFirmware")


async def test_tc_l_23_csms(operator, station, station_id):
    await _unpublished(operator, station, station_id, "DownloadOngoing")


async def _unpublished(operator, station, station_id, answer):
    request = {"checksum": CHECKSUM}
    async with operator.calling(station_id, "UnpublishFirmware", request) as pending:
        assert await station.reply("UnpublishFirmware", {"status": answer}) == request
    assert pending.response == {"status": answer}
    await station.expect_nothing()
