"""Block F, cases about starting a transaction from afar, and about unlocking a connector."""

import pytest
from csms_testing.conformance import Transaction, shown
from csms_testing.conformance.states import authorize
from csms_testing.conformance.tokens import id_token


@pytest.fixture
def transaction(station, tokens):
    return Transaction(station, tokens.valid)


@pytest.fixture
def remote_start(operator, transaction):
    """Starts at EVSE 1; the station gives this answer. The transaction has the request's remoteStartId from then on."""

    async def starting(answer):
        station, token = transaction.station, transaction.token
        path = f"/stations/{station.station_id}/remote-start"
        async with operator.posting(path, {"id_token": id_token(token), "evse_id": 1}) as pending:
            request = await station.reply("RequestStartTransaction", answer)
        assert pending.response == answer
        assert request.keys() == {"idToken", "remoteStartId", "evseId"}, "what is not asked for is left out"
        assert (request["idToken"], request["evseId"]) == (id_token(token), 1)
        transaction.remote_start_id = request["remoteStartId"]

    return starting


async def test_tc_f_01_csms(transaction, remote_start, operator, station_id):
    await transaction.ev_connected_pre_session()
    await remote_start({"status": "Accepted", "transactionId": transaction.transaction_id})
    info = {"remoteStartId": transaction.remote_start_id}
    answer = await transaction.event("Updated", "RemoteStart", token=transaction.token, info=info)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    transaction.is_authorized = True
    await transaction.energy_transfer_started()

    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {"state": "Active", "charging_state": "Charging", **_started_by(transaction)}.items()
    assert len(await operator.items("/transactions", station_id=station_id)) == 1, "it ran already: there is no second"


async def test_tc_f_02_csms(transaction, remote_start, operator):
    await remote_start({"status": "Accepted"})
    assert (await authorize(transaction.station, transaction.token))["status"] == "Accepted"
    await _started(transaction)
    await transaction.energy_transfer_started()
    assert (await shown.transaction(operator, transaction)).items() >= _started_by(transaction).items()


async def test_tc_f_03_csms(transaction, remote_start, operator):
    await remote_start({"status": "Accepted"})
    await _started(transaction)
    await transaction.energy_transfer_started()
    assert (await shown.transaction(operator, transaction)).items() >= _started_by(transaction).items()


async def test_tc_f_03_csms_remote_start_id_of_the_station(transaction, remote_start, operator):
    """The case leaves the choice of the id to the station: also one that nobody asked for is answered and kept."""
    await remote_start({"status": "Accepted"})
    transaction.remote_start_id = 2_000_000_007
    await _started(transaction)
    assert (await shown.transaction(operator, transaction))["remote_start_id"] == 2_000_000_007


async def test_tc_f_04_csms(transaction, remote_start, operator):
    await remote_start({"status": "Accepted"})
    await _started(transaction)
    assert await transaction.event("Updated", "EVConnectTimeout") == {}
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {"state": "Active", **_started_by(transaction)}.items()


async def test_every_remote_start_has_its_own_id(transaction, remote_start):
    ids = set()
    for _ in range(3):
        await remote_start({"status": "Rejected"})
        ids.add(transaction.remote_start_id)
    assert len(ids) == 3


async def test_tc_f_06_csms(station, station_id, operator):
    request = {"evseId": 1, "connectorId": 1}
    async with operator.calling(station_id, "UnlockConnector", request) as pending:
        assert await station.reply("UnlockConnector", {"status": "Unlocked"}) == request
    assert pending.response == {"status": "Unlocked"}


async def _started(transaction):
    answer = await transaction.event("Started", "RemoteStart", token=transaction.token)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    transaction.is_authorized = True


def _started_by(transaction):
    return {"remote_start_id": transaction.remote_start_id, "id_token": transaction.token}
