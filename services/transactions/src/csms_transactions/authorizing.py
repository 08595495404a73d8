"""What auth decided about the tokens in events: kept with the events, and applied to their transactions.

A decision is made once: an event that comes again is answered as before. Where auth says how many transactions a token
may be used for, they are counted here, across stations and processes: who counts holds a lock of that token until its
own decision is committed.
"""

from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from csms.v1.auth_pb2 import IdToken as TokenMessage
from csms.v1.auth_pb2 import IdTokenInfo, TokenQuestion
from csms_db.direct import Direct
from sqlalchemy.ext.asyncio import AsyncSession

from csms_transactions.domain.authorization import ACCEPTED, CONCURRENT_TX, UNKNOWN, accepted, requested
from csms_transactions.domain.events import CENTRAL, IdToken
from csms_transactions.domain.transaction import State, Transaction
from csms_transactions.steps import Step
from csms_transactions.store import authorizations as store
from csms_transactions.store import remote_requests, token_uses
from csms_transactions.store.authorizations import Authorization, Key, token_name
from csms_transactions.store.events import NewEvent
from csms_transactions.store.remote_requests import RequestKey
from csms_transactions.store.transactions import Identity

Session = AsyncSession | Direct
Batch = Mapping[Identity, Sequence[NewEvent]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A token in an event: what is to be stored of it, and what auth says."""

    identity: Identity
    row: Authorization
    token: IdToken
    info: IdTokenInfo | None = None
    """None: auth has not answered yet."""


@dataclass(slots=True)
class Authorized:
    """What came of the questions about tokens, by their numbers."""

    answers: dict[int, IdTokenInfo] = field(default_factory=dict)
    """What stations are to be told."""
    open: dict[int, Asked] = field(default_factory=dict)
    """Those that auth has not answered."""


async def authorize(
    session: Session,
    batch: Batch,
    steps: MutableMapping[str, Step],
    stored: Mapping[str, Transaction],
    now: datetime,
    *,
    decisions: Sequence[IdTokenInfo] | None,
) -> Authorized:
    """Keep the tokens of a batch, with the decisions as far as auth has made them; `steps` get what follows.

    `decisions` are by the numbers of the questions. `stored` are the transactions as they were before the batch.
    """
    asked: dict[Key, Asked] = {}
    numbers: dict[int, Key] = {}
    for identity, news in batch.items():
        for new in news:
            if new.event.id_token is not None:
                one = _asked(identity, new, new.event.id_token, decisions, now)
                asked.setdefault(one.row.key, one)
                if new.question is not None:
                    numbers[new.question] = one.row.key
    rows = await settle(session, asked, steps, stored, now)
    found = Authorized()
    for number, key in numbers.items():
        row = rows[key]
        if row.info is None:
            found.open[number] = asked[key]
        else:
            found.answers[number] = IdTokenInfo.FromString(row.info)
    return found


def _asked(
    identity: Identity, new: NewEvent, token: IdToken, decisions: Sequence[IdTokenInfo] | None, now: datetime
) -> Asked:
    event, shown = new.event, token.masked()
    row = Authorization(
        *(identity.key, event.seq_no, token_name(token), shown.value, shown.type, event.evse_id or 0),
        *(event.at, event.stops, now),
    )
    is_answered = decisions is not None and new.question is not None
    return Asked(identity, row, token, decisions[new.question] if is_answered else None)  # type: ignore[index]


async def settle(
    session: Session,
    asked: Mapping[Key, Asked],
    steps: MutableMapping[str, Step],
    stored: Mapping[str, Transaction],
    now: datetime,
) -> Mapping[Key, Authorization]:
    """Decide what is not decided yet, store it, and return all of it; `steps` get what follows."""
    asked = await _with_our_own(session, asked, steps, stored)
    kept = await store.load(session, [key for key in asked if key.transaction in stored])
    rows: dict[Key, Authorization] = {}
    fresh: list[Asked] = []
    for key, one in asked.items():
        known = kept.get(key)
        if known is not None and known.status is not None:
            rows[key] = known
        else:
            fresh.append(one)
    decided = {one.row.key: one for one in fresh if one.info is not None}
    infos = await _limited(session, decided, steps, stored)
    for one in fresh:
        info = infos.get(one.row.key)
        rows[one.row.key] = one.row if info is None else one.row.decided(info, now)
        if info is not None:
            _apply(one, info, steps, stored)
    await store.save(session, [rows[one.row.key] for one in fresh])
    return rows


def _apply(one: Asked, info: IdTokenInfo, steps: MutableMapping[str, Step], stored: Mapping[str, Transaction]) -> None:
    if info.status != ACCEPTED or one.row.stops:
        return
    step = _step(one.identity, steps, stored)
    if step is None:
        return
    group = info.group_id_token
    named = IdToken(group.id_token, group.type) if info.HasField("group_id_token") else None
    after = accepted(step.after, one.row.seq_no, one.row.token, _counted_as(one, info), named)
    if after is not step.after:
        steps[one.identity.key] = Step(step.identity, step.before, after)


def _step(identity: Identity, steps: Mapping[str, Step], stored: Mapping[str, Transaction]) -> Step | None:
    step = steps.get(identity.key)
    if step is None and identity.key in stored:
        step = Step(identity, stored[identity.key], stored[identity.key])
    return step


def _counted_as(one: Asked, info: IdTokenInfo) -> str:
    return info.token_key or one.row.id_token.casefold()  # an auth from before there was token_key


async def _limited(
    session: Session,
    decided: Mapping[Key, Asked],
    steps: Mapping[str, Step],
    stored: Mapping[str, Transaction],
) -> dict[Key, IdTokenInfo]:
    """The decisions; ConcurrentTx for tokens that are in as many other transactions as they may be."""
    infos = {key: one.info for key, one in decided.items() if one.info is not None}
    limited = [
        key for key, info in infos.items() if info.HasField("concurrent_tx_limit") and _starts(decided[key], info)
    ]
    if not limited:
        return infos
    names = {key: (_counted_as(decided[key], infos[key]), decided[key].row.id_token_type) for key in limited}
    uses = await token_uses.load(session, set(names.values()))
    _count_batch(uses, steps)
    for key in limited:
        step = _step(decided[key].identity, steps, stored)
        of_token = uses[names[key]]
        if step is None or step.after.state is State.ENDED or key.transaction in of_token:
            continue
        if len(of_token) < infos[key].concurrent_tx_limit:
            of_token.add(key.transaction)
        else:
            infos[key] = _concurrent(infos[key])
    return infos


def _starts(one: Asked, info: IdTokenInfo) -> bool:
    return info.status == ACCEPTED and not one.row.stops


def _count_batch(uses: Mapping[tuple[str, str], set[str]], steps: Mapping[str, Step]) -> None:
    """What the batch makes of transactions is not stored yet."""
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
    refused.status = CONCURRENT_TX
    refused.ClearField("evse_ids")
    return refused


async def _with_our_own(
    session: Session,
    asked: Mapping[Key, Asked],
    steps: MutableMapping[str, Step],
    stored: Mapping[str, Transaction],
) -> Mapping[Key, Asked]:
    """Add what our requests to start say: tokens that stations did not repeat, and those that auth need not know."""
    silent = _silent(asked, steps)
    central = {
        key: request
        for key, one in asked.items()
        if _is_unknown_central(one) and (request := _request(_step(one.identity, steps, stored))) is not None
    }
    wanted = {*silent.values(), *central.values()}
    if not wanted:
        return asked
    ours = await remote_requests.tokens(session, wanted)
    for transaction, request in silent.items():
        if request in ours:
            step = steps[transaction]
            steps[transaction] = Step(step.identity, step.before, requested(step.after, ours[request]))
    return {key: _accepted_if(one, ours.get(central[key])) if key in central else one for key, one in asked.items()}


def _silent(asked: Collection[Key], steps: Mapping[str, Step]) -> dict[str, RequestKey]:
    """Transactions that tell for the first time which request started them, and no token."""
    with_token = {key.transaction for key in asked}
    return {
        key: RequestKey(step.identity.station_id, step.after.remote_start_id)
        for key, step in steps.items()
        if step.after.remote_start_id is not None
        and (step.before is None or step.before.remote_start_id is None)
        and key not in with_token
    }


def _request(step: Step | None) -> RequestKey | None:
    if step is None or step.after.remote_start_id is None:
        return None
    return RequestKey(step.identity.station_id, step.after.remote_start_id)


def _is_unknown_central(one: Asked) -> bool:
    return one.info is not None and one.info.status == UNKNOWN and one.token.type == CENTRAL


def _accepted_if(one: Asked, ours: IdToken | None) -> Asked:
    """Accept a token that we made for this remote start: auth need not know it, it is good once (C05, F01)."""
    if ours is None or ours.type != CENTRAL or ours.value.casefold() != one.token.value.casefold():
        return one
    return Asked(one.identity, one.row, one.token, IdTokenInfo(status=ACCEPTED))


def question_of(undecided: store.Undecided) -> TokenQuestion:
    """What is to be asked of auth again."""
    row = undecided.authorization
    token = TokenMessage(id_token=row.id_token, type=row.id_token_type)
    return TokenQuestion(station_id=undecided.identity.station_id, id_token=token, evse_id=row.evse_id)


def asked_again(undecided: Iterable[store.Undecided], decisions: Sequence[IdTokenInfo]) -> dict[Key, Asked]:
    """Authorizations that were not decided, with decisions."""
    pairs = zip(undecided, decisions, strict=True)
    return {
        one.authorization.key: Asked(one.identity, one.authorization, one.authorization.token, info)
        for one, info in pairs
    }
