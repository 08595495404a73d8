"""Takes what transactions cost from prepaid balances, each once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from csms_db.engine import WriteSession
from csms_db.sql import insert
from csms_runtime.money import Money, to_units
from sqlalchemy import delete, select, tuple_, update

from csms_auth.store.tables import credit_charges, id_tokens


class Cost(NamedTuple):
    """What a transaction that has ended cost, and the token that it belongs to."""

    transaction: str
    revision: int
    """Of the transaction: of two costs of one transaction the one with the higher revision counts."""
    id_key: str
    """Case-folded."""
    type: str
    cost: Money
    ended_at: datetime


class Charged(NamedTuple):
    """What is known of a charge."""

    amount: int
    revision: int
    id_key: str
    type: str


_Token = tuple[str, str]


class _Balance(NamedTuple):
    currency: str
    since: datetime | None


async def take(session: WriteSession, costs: Sequence[Cost], now: datetime, oldest: datetime) -> Sequence[Cost]:
    """Take these costs from the balances of their tokens; return those that are in another currency than the balance.

    Costs of other tokens change nothing, nor do those that were taken before, nor those of transactions that ended
    before `oldest`, or before the token became a prepaid one, where no earlier cost is known. A cost that was corrected
    replaces the one that was taken; one that is told for another token is given back to the first.
    """
    transactions = {cost.transaction for cost in costs}
    charged = await _charged(session, transactions)
    tokens = {(cost.id_key, cost.type) for cost in costs}
    balances = await _lock_prepaid(session, tokens | {(one.id_key, one.type) for one in charged.values()})
    if not balances and not charged:
        return []
    # Again: another process, which hears the same records, may have charged them until it let go of the tokens.
    charged = await _charged(session, transactions)
    news = [
        cost for cost in costs if cost.revision > (known.revision if (known := charged.get(cost.transaction)) else -1)
    ]
    others: list[Cost] = []
    for cost in sorted(news, key=lambda one: (one.transaction, one.revision)):
        known, balance = charged.get(cost.transaction), balances.get((cost.id_key, cost.type))
        if balance is not None and balance.currency != cost.cost.currency:
            others.append(cost)
        elif known is not None or (balance is not None and cost.ended_at >= max(balance.since or oldest, oldest)):
            amount = 0 if balance is None else to_units(cost.cost.amount)
            if known is not None:
                await _add(session, (known.id_key, known.type), known.amount, now)
            await _add(session, (cost.id_key, cost.type), -amount, now)
            charged[cost.transaction] = Charged(amount, cost.revision, cost.id_key, cost.type)
            await _note(session, cost, amount, now)
    return others


async def forget(session: WriteSession, before: datetime, limit: int) -> int:
    """Delete up to `limit` charges of before that moment; return how many there were."""
    chosen = (
        select(credit_charges.c.transaction)
        .where(credit_charges.c.charged_at < before)
        .order_by(credit_charges.c.charged_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = (await session.scalars(chosen)).all()
    await session.execute(delete(credit_charges).where(credit_charges.c.transaction.in_(found)))
    return len(found)


async def _charged(session: WriteSession, transactions: Collection[str]) -> dict[str, Charged]:
    columns = credit_charges.c
    names = (columns.transaction, columns.amount, columns.revision, columns.id_key, columns.type)
    query = select(*names).where(columns.transaction.in_(transactions))
    return {row[0]: Charged(*row[1:]) for row in await session.execute(query)}


async def _lock_prepaid(session: WriteSession, tokens: Collection[_Token]) -> Mapping[_Token, _Balance]:
    """Return the balances of those of these tokens that have one. Their rows are locked, in one order."""
    key = tuple_(id_tokens.c.id_key, id_tokens.c.type)
    query = (
        select(id_tokens.c.id_key, id_tokens.c.type, id_tokens.c.credit_currency, id_tokens.c.credit_since)
        .where(key.in_(tokens), id_tokens.c.credit.is_not(None))
        .order_by(id_tokens.c.id_key, id_tokens.c.type)
        .with_for_update()
    )
    return {(key, kind): _Balance(currency, since) for key, kind, currency, since in await session.execute(query)}


async def _add(session: WriteSession, token: _Token, amount: int, now: datetime) -> None:
    if not amount:
        return
    columns = id_tokens.c
    is_it = (columns.id_key == token[0], columns.type == token[1], columns.credit.is_not(None))
    await session.execute(update(id_tokens).where(*is_it).values(credit=columns.credit + amount, updated_at=now))


async def _note(session: WriteSession, cost: Cost, amount: int, now: datetime) -> None:
    state = {"amount": amount, "revision": cost.revision, "id_key": cost.id_key, "type": cost.type, "charged_at": now}
    statement = insert(session, credit_charges).values(transaction=cost.transaction, **state)
    await session.execute(statement.on_conflict_do_update(index_elements=["transaction"], set_=state))
