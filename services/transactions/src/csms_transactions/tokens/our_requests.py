"""Says whose a remotely started transaction is: our own request holds the token."""

from collections.abc import Collection, Iterable, Mapping, MutableMapping

from csms.v1.auth_pb2 import IdTokenInfo

from csms_transactions.domain.authorization import AuthorizationStatus as Status
from csms_transactions.domain.authorization import requested
from csms_transactions.domain.events import CENTRAL, DIRECT_PAYMENT, IdToken
from csms_transactions.domain.identity import Identity
from csms_transactions.domain.transaction import Transaction
from csms_transactions.events.step import Step
from csms_transactions.store import remote_requests
from csms_transactions.store.authorizations import Key
from csms_transactions.store.remote_requests import AskedStart, RequestKey
from csms_transactions.tokens.question import Asked, Session, step_of


async def with_our_own(
    session: Session,
    asked: Mapping[Key, Asked],
    steps: MutableMapping[str, Step],
    stored: Mapping[str, Transaction],
) -> Mapping[Key, Asked]:
    """Add what our requests say: tokens that stations did not repeat, and tokens that we made ourselves."""
    silent = _silent(asked, steps)
    central = {
        key: request
        for key, one in asked.items()
        if _may_be_ours(one) and (request := _request(step_of(one.identity, steps, stored))) is not None
    }
    wanted = {*silent.values(), *central.values()}
    if not wanted:
        return asked
    ours = await remote_requests.asked_starts(session, wanted)
    first = _first_transactions(ours, steps.values())
    for transaction, request in silent.items():
        step, start = steps[transaction], ours.get(request)
        if start is not None and _may_use(start.token, step.identity, first.get(request)):
            steps[transaction] = Step(step.identity, step.before, requested(step.after, start.token))
    found: dict[Key, Asked] = {}
    for key, one in asked.items():
        start = ours.get(central[key]) if key in central else None
        may_use = start is not None and _may_use(start.token, one.identity, first.get(central[key]))
        found[key] = _accepted_if(one, start.token) if start is not None and may_use else one
    return found


def _first_transactions(ours: Mapping[RequestKey, AskedStart], steps: Iterable[Step]) -> Mapping[RequestKey, str]:
    """Return the station's ids of the first transactions of requests: it may name one request with several."""
    first = {request: start.transaction_id for request, start in ours.items() if start.transaction_id is not None}
    for step in steps:
        request = _request(step)
        if request is not None:
            first.setdefault(request, step.identity.transaction_id)
    return first


def _may_use(token: IdToken, identity: Identity, first: str | None) -> bool:
    """Whether a transaction may use the token of a request: what we made, or what was paid once, is good for one."""
    return token.type not in _OURS or first is None or first.casefold() == identity.transaction_id.casefold()


def _silent(asked: Collection[Key], steps: Mapping[str, Step]) -> dict[str, RequestKey]:
    """Return transactions that say for the first time which request started them, and that tell no token."""
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


_OURS = frozenset({CENTRAL, DIRECT_PAYMENT})
"""The types of tokens that auth need not know: we made them, or a payment was authorized before we asked (C24, C25)."""


def _may_be_ours(one: Asked) -> bool:
    return one.info is not None and one.info.status == Status.UNKNOWN and one.token.type in {*_OURS, ""}


def _accepted_if(one: Asked, ours: IdToken) -> Asked:
    """Accept a token that we started this transaction with. Auth does not know it; it is good once (C05, F01)."""
    if ours.type not in _OURS or ours.value.casefold() != one.token.value.casefold():
        return one
    if one.token.type not in {ours.type, ""}:
        return one
    info = IdTokenInfo(status=Status.ACCEPTED, id_token_type=ours.type, reason="remote_start")
    return Asked(one.identity, one.row, one.token, info)
