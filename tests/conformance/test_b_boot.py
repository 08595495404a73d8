"""Block B, cases about booting: Accepted, Pending, and what is refused before Accepted."""

from csms_testing.conformance.states import boot, status


async def test_tc_b_01_csms(connect):
    async with connect() as station:
        answer = await boot(station)
        assert answer["status"] == "Accepted"
        assert answer["interval"] > 0
        for evse in ((1, 1), (2, 1)):
            await status(station, "Available", evse)
        await station.expect_nothing()
