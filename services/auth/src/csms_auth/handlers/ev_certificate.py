"""A station asks for a vehicle's contract certificate (use cases M01 and M02)."""

from collections.abc import Callable
from functools import partial

from csms_auth.contracts.chains import Contract
from csms_auth.contracts.pool import Wanted
from csms_auth.domain.tokens import Answer, TokenRef
from csms_auth.handlers.action import Action, ContractWanted, Outcome, StationMessage
from csms_auth.handlers.payloads import JsonObject, Reason

_NO_POOL = Reason("NotEnabled", "No contract certificate pool is configured")
_TOO_MANY = Reason("InternalError", "too many contract certificates are being asked for")


def action(
    read: Callable[[JsonObject], Wanted], write: Callable[[JsonObject, Contract | Reason], JsonObject]
) -> Action:
    """Return how it is answered: with what the pool has, if there is one."""

    def answer(call: StationMessage, _decide: Callable[[TokenRef], Answer]) -> Outcome:
        told = partial(write, call.request)
        if not call.rules.has_contract_pool:
            return Outcome(told(_NO_POOL))
        return Outcome(told(_TOO_MANY), contract=ContractWanted(read(call.request), told))

    return Action(answer)
