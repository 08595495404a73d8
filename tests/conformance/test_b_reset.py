"""Block B, cases about Reset."""

from csms_testing.conformance import Transaction
from csms_testing.conformance.states import boot, status


async def test_tc_b_20_csms(connect, operator, station_id):
    async with connect() as station:
        await boot(station)
        async with operator.calling(station_id, "Reset", {"type": "OnIdle"}) as pending:
            assert await station.reply("Reset", {"status": "Accepted"}) == {"type": "OnIdle"}
        assert pending.response == {"status": "Accepted"}
    async with connect() as station:
        assert (await boot(station, "RemoteReset"))["status"] == "Accepted"
        await status(station, "Available")


async def test_tc_b_21_csms(connect, operator, station_id, tokens, station):
    transaction = Transaction(station, tokens.valid)
    await transaction.energy_transfer_started()
    async with operator.calling(station_id, "Reset", {"type": "OnIdle"}) as pending:
        assert await station.reply("Reset", {"status": "Scheduled"}) == {"type": "OnIdle"}
    assert pending.response == {"status": "Scheduled"}
    await transaction.ev_connected_post_session()
    await transaction.ev_disconnected()
    await station.socket.close()
    async with connect() as rebooted:
        assert (await boot(rebooted, "ScheduledReset"))["status"] == "Accepted"
        await status(rebooted, "Available")
