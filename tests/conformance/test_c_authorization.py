"""Block C: Authorize, the authorization cache, groups, the master pass."""

import pytest
from csms_testing.conformance import Transaction
from csms_testing.conformance.states import authorize


async def test_tc_c_02_csms(station, tokens):
    assert (await authorize(station, tokens.unknown))["status"] in {"Invalid", "Unknown"}
    await station.expect_nothing()


@pytest.mark.parametrize("kind", ["ISO15693", "KeyCode", "Local", "MacAddress", "eMAID"])
async def test_tc_c_02_csms_of_another_type(station, tokens, kind):
    """A token is known by value and type (C01.FR.25)."""
    assert (await authorize(station, tokens.valid, kind))["status"] in {"Invalid", "Unknown"}


async def test_tc_c_06_csms(station, tokens):
    assert (await authorize(station, tokens.blocked))["status"] in {"Blocked", "Invalid"}


async def test_tc_c_07_csms(station, tokens):
    assert (await authorize(station, tokens.expired))["status"] in {"Expired", "Invalid"}


async def test_tc_c_08_csms(station, tokens):
    transaction = Transaction(station, tokens.valid)
    await transaction.ev_connected_pre_session()
    answer = await transaction.event("Updated", "Authorized", token=tokens.valid)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    await station.expect_nothing()


async def test_tc_c_20_csms(station, tokens, operator, station_id):
    transaction = Transaction(station, tokens.unknown)
    await transaction.ev_connected_pre_session()
    answer = await transaction.event("Updated", "Authorized", token=tokens.unknown)
    assert answer["idTokenInfo"]["status"] in {"Invalid", "Unknown"}
    (shown,) = await operator.items("/transactions", station_id=station_id)
    assert shown["transaction_id"] == transaction.transaction_id  # stored, whatever the token is worth


@pytest.mark.parametrize("status", [pytest.param("Accepted", id="Accepted")])
async def test_tc_c_37_csms(station, operator, station_id, status):
    await clear_cache(station, operator, station_id, status)


async def test_tc_c_38_csms(station, operator, station_id):
    await clear_cache(station, operator, station_id, "Rejected")


async def clear_cache(station, operator, station_id, status):
    async with operator.calling(station_id, "ClearCache") as pending:
        assert await station.reply("ClearCache", {"status": status}) == {}
    assert pending.response == {"status": status}
    (shown,) = await operator.items(f"/stations/{station_id}/calls")
    assert shown["response"] == {"status": status}
    await station.expect_nothing()


def assert_of_group(id_token_info: dict, group: str) -> None:
    assert id_token_info["status"] == "Accepted"
    assert id_token_info["groupIdToken"]["idToken"] == group


async def test_tc_c_39_csms(station, tokens):
    transaction = Transaction(station, tokens.valid)
    await transaction.ev_connected_pre_session()
    assert_of_group(await authorize(station, tokens.valid_2), tokens.group)
    answer = await transaction.event("Updated", "Authorized", token=tokens.valid)
    assert_of_group(answer["idTokenInfo"], tokens.group)
    transaction.is_authorized = True
    await transaction.energy_transfer_started()
    assert_of_group(await authorize(station, tokens.valid_2), tokens.group)
    answer = await transaction.stop_authorized(tokens.valid_2)
    assert_of_group(answer["idTokenInfo"], tokens.group)
    await transaction.ev_connected_post_session()
    await transaction.ev_disconnected()
    await station.expect_nothing()


async def charging_on_both(station, tokens) -> list[Transaction]:
    transactions = [
        Transaction(station, tokens.valid, evse=(1, 1)),
        Transaction(station, tokens.valid_2, evse=(2, 1)),
    ]
    for transaction in transactions:
        await transaction.energy_transfer_started()
    return transactions


async def end_by_master_pass(transaction: Transaction, tokens) -> None:
    answer = await transaction.event(
        "Ended", "StopAuthorized", token=tokens.master_pass, info={"stoppedReason": "MasterPass"}
    )
    assert_of_group(answer["idTokenInfo"], tokens.master_group)


async def stopped_reasons(operator, station_id) -> dict:
    items = await operator.items("/transactions", station_id=station_id)
    return {item["transaction_id"]: item["stopped_reason"] for item in items}


async def all_by_master_pass(station, tokens, operator):
    transactions = await charging_on_both(station, tokens)
    assert_of_group(await authorize(station, tokens.master_pass), tokens.master_group)
    for transaction in transactions:
        await end_by_master_pass(transaction, tokens)
    reasons = await stopped_reasons(operator, station.station_id)
    assert reasons == {transaction.transaction_id: "MasterPass" for transaction in transactions}
    await station.expect_nothing()


async def test_tc_c_47_csms(station, tokens, operator):
    await all_by_master_pass(station, tokens, operator)


async def test_tc_c_48_csms(station, tokens, operator, station_id):
    ended, goes_on = await charging_on_both(station, tokens)
    assert_of_group(await authorize(station, tokens.master_pass), tokens.master_group)
    await end_by_master_pass(ended, tokens)
    reasons = await stopped_reasons(operator, station_id)
    assert reasons == {ended.transaction_id: "MasterPass", goes_on.transaction_id: None}
    await station.expect_nothing()


async def test_tc_c_49_csms(station, tokens, operator):
    await all_by_master_pass(station, tokens, operator)


# Declared features C-30 to C-35: the types of tokens, and authorization without one, by local start.
KINDS = ["Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress"]


@pytest.mark.parametrize("kind", KINDS)
async def test_tc_c_08_csms_of_every_type(station, operator, tokens, kind):
    await operator.put_token(tokens.valid, kind, status="Accepted")
    await operator.put_token(tokens.blocked, kind, status="Blocked")
    assert (await authorize(station, tokens.valid, kind))["status"] == "Accepted"
    assert (await authorize(station, tokens.blocked, kind))["status"] in {"Blocked", "Invalid"}
    transaction = Transaction(station, tokens.valid, kind)
    await transaction.energy_transfer_started()
    await transaction.ev_connected_post_session()
    await transaction.ev_disconnected()


async def test_tc_c_08_csms_no_authorization(station, operator, station_id):
    """A start button instead of a token (C02)."""
    transaction = Transaction(station, "", "NoAuthorization")
    await transaction.ev_connected_pre_session()
    answer = await transaction.event("Updated", "Authorized", token="")
    assert answer["idTokenInfo"]["status"] == "Accepted"
    assert "groupIdToken" not in answer["idTokenInfo"]
    (shown,) = await operator.items("/transactions", station_id=station_id)
    assert shown["transaction_id"] == transaction.transaction_id
