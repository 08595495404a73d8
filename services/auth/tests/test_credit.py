"""Prepaid tokens: what they are told, and that a transaction is paid once."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import DomainEvent, Transaction, TransactionEnded, TransactionUpdated
from csms_auth.costs import CostRecords
from csms_auth.domain.tokens import Question, Token, TokenRef, TokenStatus, decide
from csms_auth.store import credit as credit_store
from csms_auth.store import id_tokens
from csms_bus.ports import Incoming
from csms_bus.records import new_record
from csms_db.engine import Database
from csms_runtime.clock import now_ms, utcnow
from csms_runtime.money import Money

Api = Any  # the fixture of conftest.py
REF = TokenRef("ISO14443", "Card")
CARD = "/api/v1/id-tokens/ISO14443/Card"


def euros(amount: float) -> Money:
    return Money(Decimal(str(amount)), "EUR")


def told(amount: str, revision: int = 1, transaction: str = "t1", **fields: Any) -> Record:
    known = {"id": transaction, "state": "Ended", "revision": revision, "id_token": "CARD", "id_token_type": "ISO14443"}
    whole = Transaction(**{**known, "cost": amount, "currency": "EUR", "ended_at_ms": now_ms(), **fields})
    event = DomainEvent(occurred_at_ms=now_ms(), transaction_ended=TransactionEnded(transaction=whole))
    if revision > 1:
        event = DomainEvent(occurred_at_ms=now_ms(), transaction_updated=TransactionUpdated(transaction=whole))
    return new_record("CS1", event=event)


@pytest.fixture
def hears(database: Database) -> Callable[..., Any]:
    consumer = CostRecords(database)

    async def hear(*records: Record) -> Decimal:
        batch = [Incoming("events.transactions", 0, offset, "CS1", record) for offset, record in enumerate(records)]
        assert await consumer(batch) == []
        async with database.reading() as session:
            stored = await id_tokens.get(session, REF)
        assert stored is not None
        assert stored.token.credit is not None
        return stored.token.credit.amount

    return hear


@pytest.fixture
async def card(database: Database) -> None:
    async with database.transaction() as session:
        token = Token(REF, TokenStatus.ACCEPTED, credit=euros(20))
        await id_tokens.add(session, token, utcnow())


@pytest.mark.parametrize(
    ("credit", "limit", "status", "most"),
    [(20, None, "Accepted", 1), (20, 3, "Accepted", 3), (0, None, "NoCredit", 1), (-1, None, "NoCredit", 1)],
)
def test_credit_decides_and_no_answer_is_cached(credit: float, limit: int | None, status: str, most: int) -> None:
    now = utcnow()
    token = Token(REF, TokenStatus.ACCEPTED, credit=euros(credit), concurrent_tx_limit=limit)
    answer = decide(Question(REF), token, now=now)
    assert (answer.status, answer.cache_expiry, answer.concurrent_tx_limit) == (status, now, most)
    assert answer.credit == (euros(credit) if status == "Accepted" else None)


def test_a_blocked_token_stays_blocked_whatever_is_left() -> None:
    token = Token(REF, TokenStatus.BLOCKED, credit=euros(20))
    assert decide(Question(REF), token, now=utcnow()).status is TokenStatus.BLOCKED


@pytest.mark.usefixtures("card")
async def test_a_transaction_is_paid_once_and_a_correction_replaces_it(hears: Callable[..., Any]) -> None:
    assert await hears(told("12.1")) == Decimal("7.9")
    assert await hears(told("12.1"), told("12.1")) == Decimal("7.9"), "the same record again"
    assert await hears(told("10", revision=5), told("11", revision=3)) == Decimal(10), "the newest counts"
    assert await hears(told("11", revision=4)) == Decimal(10), "it comes late"
    assert await hears(told("15.5", transaction="t2")) == Decimal("-5.5")


@pytest.mark.usefixtures("card")
async def test_two_processes_that_hear_a_record_at_once_take_its_cost_once(
    database: Database, hears: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = asyncio.Barrier(1 if database.dialect == "sqlite" else 2)  # SQLite lets one write at a time
    lock = credit_store._lock_prepaid

    async def together(*args: Any) -> Any:
        await both.wait()
        return await lock(*args)

    record = told("5")
    with monkeypatch.context() as patch:
        patch.setattr(credit_store, "_lock_prepaid", together)
        await asyncio.gather(hears(record), hears(record))
    assert await hears() == Decimal(15)


@pytest.mark.usefixtures("card")
async def test_more_may_be_spent_than_one_amount_can_be(hears: Callable[..., Any], api: Api) -> None:
    assert await hears(told("1000000000"), told("1000000000", transaction="t2")) == Decimal(-1_999_999_980)
    assert (await api("GET", CARD))["credit"] == {"amount": -1_999_999_980, "currency": "EUR"}
    more = {"add": 5, "currency": "EUR"}
    assert (await api("POST", f"{CARD}/credit", more))["credit"]["amount"] == -1_999_999_975


@pytest.mark.usefixtures("card")
async def test_a_transaction_is_paid_though_the_station_thinks_it_was_long_ago(hears: Callable[..., Any]) -> None:
    assert await hears(told("5", ended_at_ms=1)) == Decimal(15)
    assert await hears(told("6", revision=2, ended_at_ms=1)) == Decimal(14)


async def test_what_ended_before_the_token_was_a_prepaid_one_is_not_paid(hears: Callable[..., Any], api: Api) -> None:
    ended = now_ms() - 1000
    await api.put(CARD, {"status": "Accepted"}, 201)
    await api.put(CARD, {"credit": {"amount": 20, "currency": "EUR"}})
    assert await hears(told("6", revision=2, ended_at_ms=ended)) == Decimal(20), "a late event"
    await api.put(CARD, {"credit": {"amount": 30, "currency": "EUR"}})
    assert await hears(told("7", transaction="t2"), told("6", revision=3, ended_at_ms=ended)) == Decimal(23)
    await api.put(CARD, {"credit": None})
    await api("POST", f"{CARD}/credit", {"add": 10, "currency": "EUR"})
    assert await hears(told("6", revision=4, ended_at_ms=ended)) == Decimal(10)


@pytest.mark.usefixtures("card")
async def test_what_is_no_cost_of_this_token_changes_nothing(hears: Callable[..., Any]) -> None:
    others = [
        told("1", state="Active"),
        told("1", currency="USD"),
        told("", currency=""),
        told("1", id_token="other"),
        told("1", id_token_type="eMAID"),
        told("-1"),
        told("1", revision=2, ended_at_ms=1),
    ]
    assert await hears(*others) == Decimal(20)


async def test_an_operator_sets_adds_and_sees_credit(api: Api) -> None:
    body = {"status": "Accepted", "credit": {"amount": 5.25, "currency": "EUR"}}
    assert (await api.put(CARD, body, 201))["credit"] == {"amount": 5.25, "currency": "EUR"}
    more = {"add": 10, "currency": "EUR"}
    assert (await api("POST", f"{CARD}/credit", more))["credit"]["amount"] == 15.25
    for bad in ({"add": 10, "currency": "USD"}, {"add": 0, "currency": "EUR"}, {"add": 1.23456, "currency": "EUR"}):
        await api("POST", f"{CARD}/credit", bad, status=422)
    await api("POST", "/api/v1/id-tokens/eMAID/no/credit", more, status=404)
    await api("POST", f"{CARD}/credit", more, scope="read", status=403)
    assert (await api.put(CARD, {"credit": None}))["credit"] is None
    await api.put("/api/v1/id-tokens/KeyCode/1234", body, 422)
