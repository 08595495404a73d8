"""Limits how many transactions a token is in at a time: auth says the limit, here they are counted."""

from collections.abc import Mapping

from csms.v1.auth_pb2 import IdTokenInfo

from csms_transactions.domain.authorization import AuthorizationStatus as Status
from csms_transactions.domain.transaction import State, Transaction
from csms_transactions.events.step import Step
from csms_transactions.store import token_uses, transactions
from csms_transactions.store.authorizations import Key
from csms_transactions.tokens.question import Asked, Session, step_of


async def limited(
    session: Session,
    decided: Mapping[Key, Asked],
    steps: Mapping[str, Step],
    stored: Mapping[str, Transaction],
) -> dict[Key, IdTokenInfo]:
    """Return the decisions, with ConcurrentTx for tokens that are in as many transactions as auth allows."""
    infos = {key: one.info for key, one in decided.items() if one.info is not None}
    bound = [key for key, info in infos.items() if info.HasField("concurrent_tx_limit") and _starts(decided[key], info)]
    if not bound:
        return infos
    names = {key: (decided[key].counted_as(infos[key]), decided[key].token_by(infos[key]).type) for key in bound}
    # Rows are locked before tokens, as everywhere. Transactions from the cache are not locked yet.
    await transactions.load(session, [key for key, step in steps.items() if step.before is not None])
    uses = await token_uses.load(session, set(names.values()))
    _count_batch(uses, steps)
    for key in bound:
        step = step_of(decided[key].identity, steps, stored)
        of_token = uses[names[key]]
        if step is None or step.after.state is State.ENDED or key.transaction in of_token:
            continue
        if len(of_token) < infos[key].concurrent_tx_limit:
            of_token.add(key.transaction)
        else:
            infos[key] = _concurrent(infos[key])
    return infos


def _starts(one: Asked, info: IdTokenInfo) -> bool:
    return info.status == Status.ACCEPTED and not one.row.stops


def _count_batch(uses: Mapping[tuple[str, str], set[str]], steps: Mapping[str, Step]) -> None:
    """Count the changes of the batch, too: they are not stored yet."""
    for key, step in steps.items():
        after = step.after
        token = after.id_token
        name = (after.token_key or "", token.type if token else "")
        if after.state is State.ENDED:
            for of_token in uses.values():
                of_token.discard(key)
        elif name in uses:
            uses[name].add(key)


def _concurrent(info: IdTokenInfo) -> IdTokenInfo:
    refused = IdTokenInfo()
    refused.CopyFrom(info)
    refused.status = Status.CONCURRENT_TX
    refused.reason = "concurrency"
    refused.ClearField("evse_ids")
    return refused
