"""A station asks for the status of certificates (use cases M06 and M07)."""

from collections.abc import Callable, Sequence
from functools import partial

from csms_auth.domain.tokens import Answer, TokenRef
from csms_auth.handlers.action import Action, Outcome, StationMessage, StatusWanted
from csms_auth.handlers.payloads import JsonObject, Reason, StatusAnswer
from csms_auth.ocsp.question import BadQuestion, Question

_TOO_MANY = Reason("InternalError", "too many questions are being asked")


def action(
    read: Callable[[JsonObject], Sequence[JsonObject | Reason]], write: StatusAnswer, most_result: int | None = None
) -> Action:
    """Return how it is answered: the responders that the station names are asked.

    `read` returns an OCSPRequestDataType for each certificate, or why nobody can be asked about it. `most_result` is
    how long an OCSPResponse in base64 may be, in characters; None: no response is passed on.
    """

    def answer(call: StationMessage, _decide: Callable[[TokenRef], Answer]) -> Outcome:
        questions = [_question(each) for each in read(call.request)]
        told = partial(write, call.request)
        otherwise = told([each if isinstance(each, Reason) else _TOO_MANY for each in questions])
        if all(isinstance(each, Reason) for each in questions):
            return Outcome(otherwise)
        return Outcome(otherwise, status=StatusWanted(questions, told, most_result))

    return Action(answer)


def _question(wanted: JsonObject | Reason) -> Question | Reason:
    if isinstance(wanted, Reason):
        return wanted
    try:
        return Question.of(wanted)
    except BadQuestion as error:
        return Reason("InvalidValue", str(error))
