"""Settlements: what stations tell of payments, and what the CSMS is to settle; whatever comes twice or late."""

from datetime import timedelta

import httpx2
import pytest
from csms.v1.events_pb2 import DomainEvent, Transaction, TransactionEnded, TransactionUpdated
from csms_bus.ports import Incoming
from csms_bus.records import new_record
from csms_device_mgmt.device_model import variable_rows
from csms_device_mgmt.payment import settlement_rows
from csms_device_mgmt.payment.settlement_routes import router
from csms_device_mgmt.payment.transaction_costs import SETTLEMENT_BY_CSMS, TransactionCosts
from csms_device_mgmt.payment.vat_register import key
from csms_runtime.clock import utcnow
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, create_app

V21 = "ocpp2.1"
PAYMENT = {"pspRef": "psp-1", "status": "Failed", "settlementAmount": 12.5, "settlementTime": "2026-01-01T00:00:00Z"}


async def _settlements(units):
    async with units.reading() as session:
        return await settlement_rows.page(session, status=None, station_id=None, psp_ref=None, before=None, limit=10)


async def test_the_newest_word_of_a_station_counts(apply, records, units):
    later = PAYMENT | {"status": "Settled", "settlementTime": "2026-01-01T01:00:00Z"}
    first = records.call("NotifySettlement", PAYMENT, protocol=V21)
    for record in (first, records.call("NotifySettlement", later, protocol=V21), first):
        await apply(record)
    await apply(records.call("NotifySettlement", PAYMENT, protocol=V21))
    (row,) = await _settlements(units)
    assert (row.status, row.amount, row.currency, row.settled_by) == ("Settled", 125_000, None, "station")


async def test_longer_texts_than_are_kept_are_cut_and_times_of_a_wrong_clock_delete_nothing(apply, records, units):
    """PostgreSQL refuses what SQLite takes. Settlements are deleted by `updated_at`."""
    texts = {"pspRef": "p" * 400, "vatNumber": "1" * 90, "receiptId": "r" * 60, "statusInfo": "s" * 600}
    company = {"name": "n", "address1": "a", "city": "c", "country": "NL", "phone": 31}
    told = {**PAYMENT, **texts, "receiptUrl": f"http://{'u' * 3000}", "vatCompany": company}
    await apply(records.call("NotifySettlement", {**told, "settlementTime": "1970-01-01T00:00:00Z"}, protocol=V21))
    (row,) = await _settlements(units)
    assert (len(row.psp_ref), len(row.vat_number), len(row.receipt_id), len(row.status_info)) == (255, 20, 50, 500)
    assert row.receipt_url is None, "a part of an address leads nowhere"
    assert row.vat_company == {"name": "n", "address1": "a", "city": "c", "country": "NL"}
    assert min(row.created_at, row.updated_at) > utcnow() - timedelta(hours=1)


@pytest.mark.parametrize(
    ("told", "shown"),
    [("Failed", ("Open", "csms")), ("Rejected", ("Open", "csms")), ("Settled", ("Settled", "station"))],
)
async def test_what_a_station_tried_without_success_is_settled_here(told, shown, apply, records, units):
    tried = {**PAYMENT, "transactionId": "tx-1", "status": told}
    await apply(records.call("NotifySettlement", tried, protocol=V21))
    for event in (_ended(remote_start_id=7), _ended(remote_start_id=7)):
        await TransactionCosts(units)([event])
    await apply(records.call("NotifySettlement", tried, protocol=V21))
    (row,) = await _settlements(units)
    assert (row.status, row.settled_by) == shown
    if shown[0] == "Open":
        assert (row.amount, row.transaction, row.told_at) == (121_000, "t1", None)


@pytest.fixture
async def http(units):
    app = create_app(
        "test", routers=[router(units)], keys=ApiKeys.for_tests(operate="key"), health=Health(), version="0"
    )
    headers = {"Authorization": "Bearer key"}
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://test/api/v1", headers=headers
    ) as client:
        yield client


async def test_a_result_is_told_again_but_not_with_another_amount(units, http):
    await TransactionCosts(units)([_ended(remote_start_id=7)])
    (row,) = await _settlements(units)
    path, result = f"/settlements/{row.id}/result", {"status": "Settled", "amount": 12.1, "currency": "EUR"}
    for body, status in (
        (result, 200),
        (result, 200),
        ({"status": "Settled"}, 200),
        ({**result, "amount": 12.2}, 409),
        ({**result, "currency": "USD"}, 409),
    ):
        assert (await http.post(path, json=body)).status_code == status, body


def _ended(revision=1, **fields):
    known = {"id": "t1", "station_id": "CS1", "transaction_id": "tx-1", "state": "Ended", "revision": revision}
    token = {"id_token": "psp-1", "id_token_type": "DirectPayment", "cost": "12.1", "currency": "EUR"}
    whole = Transaction(**{**known, **token, **fields})
    event = DomainEvent(transaction_ended=TransactionEnded(transaction=whole))
    if revision > 1:
        event = DomainEvent(transaction_updated=TransactionUpdated(transaction=whole))
    return Incoming("events.transactions", 0, revision, "CS1", new_record("CS1", event=event))


async def test_what_was_started_with_a_payment_is_settled_here_and_what_is_due_may_be_corrected(units):
    consumer = TransactionCosts(units)
    for event in (_ended(5, remote_start_id=7, cost="11"), _ended(remote_start_id=7), _ended(5, remote_start_id=7)):
        await consumer([event])
    (row,) = await _settlements(units)
    assert (row.status, row.amount, row.settled_by, row.transaction) == ("Open", 110_000, "csms", "t1")


async def test_a_station_settles_itself_unless_it_is_set_up_otherwise(units):
    consumer = TransactionCosts(units)
    await consumer([_ended(), _ended(id_token_type="ISO14443"), _ended(state="Active")])
    assert await _settlements(units) == []
    async with units.open() as unit:
        await variable_rows.store_values(unit.session, "CS1", {SETTLEMENT_BY_CSMS: "true"}, unit.now, 100)
    await consumer([_ended(cost="", currency="")])
    (row,) = await _settlements(units)
    assert (row.status, row.amount) == ("Open", None), "nobody knows what it cost, and it is shown"


async def test_what_a_station_told_makes_room(units, monkeypatch):
    monkeypatch.setattr(settlement_rows, "MOST_OF_STATION", 2)
    for number in range(4):
        async with units.open() as unit:
            result = settlement_rows.Result(settlement_rows.SettlementStatus.SETTLED, utcnow())
            await settlement_rows.told(unit.session, ("CS1", f"psp-{number}", ""), result, {}, unit.now)
    assert [row.psp_ref for row in await _settlements(units)] == ["psp-3", "psp-2"]


def test_vat_numbers_are_compared_without_what_people_put_between():
    assert key("nl 0012.34567-b01") == "NL001234567B01"
