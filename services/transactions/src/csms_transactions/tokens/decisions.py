"""Keeps auth's decisions about the tokens in events, and applies them to the transactions.

A decision is made once: an event that comes again is answered as before. If auth limits how many transactions a token
may be in, they are counted here, for all stations and processes. Whoever counts holds a lock of that token until its
own decision is committed.
"""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from datetime import datetime

from csms.v1.auth_pb2 import IdToken as TokenMessage
from csms.v1.auth_pb2 import IdTokenInfo, TokenQuestion

from csms_transactions.domain.authorization import AuthorizationStatus, accepted, unknown
from csms_transactions.domain.events import IdToken
from csms_transactions.domain.identity import Identity
from csms_transactions.domain.transaction import Transaction
from csms_transactions.events.news import Arrivals
from csms_transactions.events.step import Step
from csms_transactions.store import authorizations as store
from csms_transactions.store.authorizations import Authorization, Key, token_name
from csms_transactions.store.events import NewEvent
from csms_transactions.tokens.limits import limited
from csms_transactions.tokens.our_requests import with_our_own
from csms_transactions.tokens.question import Asked, Authorized, Decided, Session, Settled, step_of


async def authorize(
    session: Session,
    batch: Arrivals,
    steps: MutableMapping[str, Step],
    stored: Mapping[str, Transaction],
    now: datetime,
    *,
    decisions: Sequence[IdTokenInfo] | None,
) -> Authorized:
    """Keep the tokens of a batch, with the decisions that auth has made so far. `steps` get the changes that follow.

    `decisions` are in the order of the questions' numbers. `stored` are the transactions as they were before the batch.
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
    rows, decided = await settle(session, asked, steps, stored, now)
    found = Authorized(decided=decided)
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
    info = None if decisions is None or new.question is None else decisions[new.question]
    name = token_name(token, info.token_key if info is not None else "")
    row = Authorization(
        *(identity.key, event.seq_no, name, shown.value, shown.type, event.evse_id or 0),
        *(event.at, event.stops, now),
    )
    return Asked(identity, row, token, info)


async def settle(
    session: Session,
    asked: Mapping[Key, Asked],
    steps: MutableMapping[str, Step],
    stored: Mapping[str, Transaction],
    now: datetime,
) -> Settled:
    """Decide what has no decision yet, store and return all decisions. `steps` get the changes that follow."""
    asked = await with_our_own(session, asked, steps, stored)
    if not asked:
        return Settled({}, ())
    kept = await store.load(session, [key for key in asked if key.transaction in stored])
    rows: dict[Key, Authorization] = {}
    fresh: list[Asked] = []
    for key, one in asked.items():
        known = kept.get(key)
        if known is not None and known.status is not None and not key.is_of_any_code:
            rows[key] = known
        else:
            fresh.append(one)
    decided = {one.row.key: one for one in fresh if one.info is not None}
    infos = await limited(session, decided, steps, stored)
    news: list[Decided] = []
    for one in fresh:
        info = infos.get(one.row.key)
        row = rows[one.row.key] = one.row if info is None else one.row.decided(info, now)
        if info is not None:
            _apply(one, info, steps, stored)
            news.append(Decided(one.identity, row, info, _evse(one, steps, stored)))
    await store.save(session, [rows[one.row.key] for one in fresh])
    return Settled(rows, news)


def _evse(one: Asked, steps: Mapping[str, Step], stored: Mapping[str, Transaction]) -> int:
    """Return the EVSE of the event, else of its transaction; 0: neither is known."""
    if one.row.evse_id:
        return one.row.evse_id
    step = step_of(one.identity, steps, stored)
    return (step.after.evse_id if step is not None else None) or 0


def _apply(one: Asked, info: IdTokenInfo, steps: MutableMapping[str, Step], stored: Mapping[str, Transaction]) -> None:
    if one.row.stops:
        return
    step = step_of(one.identity, steps, stored)
    if step is None:
        return
    after = step.after
    if info.status == AuthorizationStatus.ACCEPTED:
        group = info.group_id_token
        named = IdToken(group.id_token, group.type) if info.HasField("group_id_token") else None
        after = accepted(after, one.row.seq_no, one.token_by(info), one.counted_as(info), named)
    elif info.status == AuthorizationStatus.UNKNOWN:
        after = unknown(after, one.token_by(info), one.counted_as(info))
    if after is not step.after:
        steps[one.identity.key] = Step(step.identity, step.before, after)


def question_of(undecided: store.Undecided) -> TokenQuestion:
    """Return the question that auth is asked again."""
    row = undecided.authorization
    token = TokenMessage(id_token=row.id_token, type=row.id_token_type)
    return TokenQuestion(station_id=undecided.identity.station_id, id_token=token, evse_id=row.evse_id)


def asked_again(undecided: Iterable[store.Undecided], decisions: Sequence[IdTokenInfo]) -> dict[Key, Asked]:
    """Return the undecided authorizations with their decisions."""
    pairs = zip(undecided, decisions, strict=True)
    return {
        one.authorization.key: Asked(one.identity, one.authorization, one.authorization.token, info)
        for one, info in pairs
    }
