"""A station asks for a vehicle's contract certificate (use cases M01 and M02)."""

from collections.abc import Callable

from csms_auth.domain.tokens import Answer, TokenRef
from csms_auth.handlers.action import Action, Outcome, StationMessage
from csms_auth.handlers.payloads import JsonObject, Reason

_NO_POOL = Reason("NotEnabled", "No contract certificate pool is configured")


def action(write: Callable[[Reason], JsonObject]) -> Action:
    """Return how it is answered: it fails, there is no pool of contract certificates to ask."""

    def answer(_call: StationMessage, _decide: Callable[[TokenRef], Answer]) -> Outcome:
        return Outcome(write(_NO_POOL))

    return Action(answer)
