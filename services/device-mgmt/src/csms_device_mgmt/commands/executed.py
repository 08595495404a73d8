"""A CALL whose outcome is known, and what a consequence is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from csms_device_mgmt.commands.call_rows import CallOutcome, Completion
from csms_device_mgmt.unit import Unit


@dataclass(frozen=True, slots=True)
class Executed:
    """A CALL and what became of it; payloads with their secrets."""

    call_id: str
    station_id: str
    protocol: str
    action: str
    request: Mapping[str, Any] = field(repr=False)
    completion: Completion = field(repr=False)
    size: int = 0
    """Of request and response as they came, in bytes; 0: small."""

    @property
    def response(self) -> Mapping[str, Any] | None:
        """The response payload; None when the outcome is not a result."""
        return self.completion.response if self.completion.outcome is CallOutcome.RESULT else None

    @property
    def may_have_been_obeyed(self) -> bool:
        """Whether no answer came although the station may have got it."""
        is_answered = self.completion.outcome in {CallOutcome.RESULT, CallOutcome.ERROR}
        return not is_answered and not self.completion.never_sent


Consequence = Callable[[Unit, Executed], Awaitable[None]]
"""Runs once per outcome, in the transaction that stores it."""


def each(*consequences: Consequence) -> Consequence:
    """One after the other."""

    async def apply(unit: Unit, executed: Executed) -> None:
        for consequence in consequences:
            await consequence(unit, executed)

    return apply
