"""Block O, cases about display messages that Part 6 has beyond the profiles."""

import pytest


def message(message_id=1, **changes):
    content = {"format": "UTF8", "language": "en", "content": "This message was configured by the CSMS."}
    return {"id": message_id, "priority": "NormalCycle", "message": content, **changes}


async def test_tc_o_11_csms(operator, station, station_id):
    request = {"requestId": 31, "id": [4711]}
    async with operator.calling(station_id, "GetDisplayMessages", request) as pending:
        assert await station.reply("GetDisplayMessages", {"status": "Unknown"}) == request
    assert pending.response == {"status": "Unknown"}
    shown = await operator.get(f"/stations/{station_id}/display-message-reports/31")
    assert (shown["status"], shown["entries"]) == ("empty", [])
    await station.expect_nothing()


async def test_tc_o_11_csms_known_messages_are_shown(operator, station, station_id):
    async with operator.calling(station_id, "GetDisplayMessages", {"requestId": 32}) as pending:
        assert await station.reply("GetDisplayMessages", {"status": "Accepted"}) == {"requestId": 32}
    assert pending.response == {"status": "Accepted"}
    first = {"requestId": 32, "tbc": True, "messageInfo": [message(1)]}
    last = {"requestId": 32, "messageInfo": [message(2, state="Charging")]}
    for part in (first, first, last, last):  # a part again is no new part, though it has no number
        assert await station.call("NotifyDisplayMessages", part) == {}
    shown = await operator.get(f"/stations/{station_id}/display-message-reports/32")
    assert (shown["status"], shown["entries"]) == ("complete", [message(1), message(2, state="Charging")])


@pytest.mark.parametrize("state", ["Charging", "Faulted", "Idle", "Unavailable"])
async def test_tc_o_25_csms(operator, station, station_id, state):
    request = {"message": message(state=state)}
    async with operator.calling(station_id, "SetDisplayMessage", request) as pending:
        assert await station.reply("SetDisplayMessage", {"status": "Accepted"}) == request
    assert pending.response == {"status": "Accepted"}
    await station.expect_nothing()


async def test_tc_o_25_csms_state_is_not_supported(operator, station, station_id):
    request = {"message": message(state="Faulted")}
    async with operator.calling(station_id, "SetDisplayMessage", request) as pending:
        assert await station.reply("SetDisplayMessage", {"status": "NotSupportedState"}) == request
    assert pending.response == {"status": "NotSupportedState"}
    await station.expect_nothing()
