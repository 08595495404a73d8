"""A station asks for a certificate's status (use case M06)."""

from collections.abc import Callable

from csms_auth.domain.tokens import Answer, TokenRef
from csms_auth.handlers.action import Action, Outcome, StationMessage, StatusWanted
from csms_auth.handlers.payloads import JsonObject, Reason, StatusAnswers
from csms_auth.ocsp.question import BadQuestion, Question


def action(read: Callable[[JsonObject], Question], answers: StatusAnswers) -> Action:
    """Return how it is answered: the responder that the station names is asked (M06.FR.04: Failed if that fails)."""

    def answer(call: StationMessage, _decide: Callable[[TokenRef], Answer]) -> Outcome:
        try:
            question = read(call.request)
        except BadQuestion as error:
            return Outcome(answers.unknown(Reason("InvalidValue", str(error))))
        otherwise = answers.unknown(Reason("InternalError", "too many questions are being asked"))
        return Outcome(otherwise, status=StatusWanted(question, answers))

    return Action(answer)
