"""Block N, cases about logs: each upload is followed by its requestId."""

import pytest

LOCATION = "https://logs.example.com/upload/"


class Logs:
    """Asks for logs, reports on them as the station, looks at what is shown."""

    def __init__(self, operator, station):
        self._operator, self._station = operator, station
        self._path = f"/stations/{station.station_id}/logs"

    async def ask(self, request_id, kind="DiagnosticsLog", *, answer="Accepted", filename="log.zip"):
        request = {"requestId": request_id, "logType": kind, "log": {"remoteLocation": LOCATION}}
        answered = {"status": answer, "filename": filename} if filename else {"status": answer}
        async with self._operator.calling(self._station.station_id, "GetLog", request) as pending:
            assert await self._station.reply("GetLog", answered) == request
        assert pending.response == answered
        assert (await self.shown(request_id))["response"] == answered

    async def report(self, request_id, *statuses):
        for status in statuses:
            report = {"status": status, "requestId": request_id}
            assert await self._station.call("LogStatusNotification", report) == {}

    async def shown(self, request_id):
        return await self._operator.get(f"{self._path}/{request_id}")

    async def stands(self, request_id):
        shown = await self.shown(request_id)
        return shown["state"], [step["status"] for step in shown["history"]]


@pytest.fixture
def logs(operator, station):
    return Logs(operator, station)


async def _uploaded(logs, kind):
    await logs.ask(11, kind)
    assert await logs.stands(11) == ("ongoing", [])
    await logs.report(11, "Uploading", "Uploaded")
    assert await logs.stands(11) == ("completed", ["Uploading", "Uploaded"])


async def test_tc_n_25_csms(logs):
    await _uploaded(logs, "DiagnosticsLog")


async def test_tc_n_25_csms_failed_upload(logs):
    await logs.ask(1)
    await logs.report(1, "Uploading", "UploadFailure")
    assert (await logs.stands(1))[0] == "failed"


async def test_tc_n_34_csms(logs, station):
    await logs.ask(1, answer="Rejected", filename=None)
    assert await logs.stands(1) == ("rejected", [])
    await station.expect_nothing()


async def test_tc_n_35_csms(logs):
    await _uploaded(logs, "SecurityLog")


async def test_tc_n_36_csms(logs):
    await logs.ask(1)
    await logs.report(1, "Uploading")
    await logs.ask(2, answer="AcceptedCanceled")
    assert (await logs.stands(1))[0] == "canceled"
    await logs.report(1, "AcceptedCanceled")
    await logs.report(2, "Uploading", "Uploaded")
    assert await logs.stands(1) == ("canceled", ["Uploading", "AcceptedCanceled"])
    assert await logs.stands(2) == ("completed", ["Uploading", "Uploaded"])
