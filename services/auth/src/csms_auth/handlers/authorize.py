"""A station asks whether a token may charge (use cases C01 to C09)."""

from collections.abc import Callable, Sequence

from csms_auth.domain.certificates import CertificateStatus, unverifiable
from csms_auth.domain.tokens import Answer, TokenRef, TokenShown
from csms_auth.handlers.action import Action, Decided, Outcome, StationMessage
from csms_auth.handlers.payloads import JsonObject


def action(
    read: Callable[[JsonObject], TokenShown], write: Callable[[Answer, CertificateStatus | None], JsonObject]
) -> Action:
    """Return how it is answered in a version that reads and writes it so."""

    def tokens(request: JsonObject) -> Sequence[TokenRef]:
        return (read(request).token,)

    def answer(call: StationMessage, decide: Callable[[TokenRef], Answer]) -> Outcome:
        shown = read(call.request)
        decided, certificate = _decided(shown, decide)
        return Outcome(write(decided, certificate), decided=Decided(shown.token, decided))

    return Action(answer, tokens=tokens)


def _decided(shown: TokenShown, decide: Callable[[TokenRef], Answer]) -> tuple[Answer, CertificateStatus | None]:
    """Decide. A contract certificate can't be verified while no PKI is set up: it counts as bad (C07.FR.17)."""
    decided = decide(shown.token)
    return unverifiable(decided) if shown.has_certificate else (decided, None)
