async def test_the_time_is_told_and_the_station_seen(apply, records, with_station, station_row):
    await with_station()
    record = records.call("Heartbeat", {})
    applied = await apply(record)
    assert applied.answer["currentTime"].endswith("Z")
    seen = (await station_row()).last_seen
    await apply(records.boot())
    await apply(record)
    assert (await station_row()).last_seen == seen
