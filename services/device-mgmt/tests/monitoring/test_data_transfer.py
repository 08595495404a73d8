async def test_unknown_vendor(apply, records):
    applied = await apply(records.call("DataTransfer", {"vendorId": "com.example"}))
    assert applied.answer == {"status": "UnknownVendorId"}
    assert applied.event_kinds == ["station_notified"]


async def test_known_vendor_has_no_messages(apply, records, with_station):
    await with_station(vendor_ids=["com.example"])
    applied = await apply(records.call("DataTransfer", {"vendorId": "com.example", "messageId": "m"}))
    assert applied.answer == {"status": "UnknownMessageId"}


async def test_known_vendor_without_message_id(apply, records, with_station):
    await with_station(vendor_ids=["com.example"])
    applied = await apply(records.call("DataTransfer", {"vendorId": "com.example"}))
    assert applied.answer == {"status": "Rejected"}
