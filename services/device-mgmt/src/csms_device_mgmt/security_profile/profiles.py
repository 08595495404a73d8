"""Security profiles of a station (A00, A05): they go up, never down."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


class LowerProfileError(ValueError):
    """A station would be let in with less than it has connected with (A05.FR.07)."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """What is known: 1, 2 or 3, or None."""

    registered: int | None
    """What a connection must have; None: any."""
    reached: int | None
    """The highest one it has connected with; None: it never has."""
    pending: int | None
    """A higher one it was told to use, let in beside the registered one until it comes with it."""

    @property
    def present(self) -> int:
        """What it has or must have; 0: nothing is known."""
        return max(self.registered or 0, self.reached or 0)

    def configured(self, wanted: int | None) -> "Profiles":
        """Return what an operator's change leads to; None, which is any, counts as the lowest.

        Raises LowerProfileError.
        """
        if wanted == self.registered:
            return self
        if (wanted or 1) < (self.reached or 1):
            raise LowerProfileError
        return replace(self, registered=wanted, pending=_above(self.pending, wanted or 0))

    def offered(self, profile: int) -> "Profiles":
        """Return what it leads to that the station took a network profile with this security profile."""
        return replace(self, pending=profile) if profile > self.present else self

    def connected(self, profile: int) -> "Profiles":
        """Return what a connection leads to. One above the registered profile makes lower ones a thing of the past."""
        is_upgrade = self.registered is not None and profile > self.registered
        is_expected = self.pending is not None and profile >= self.pending
        return Profiles(
            registered=profile if is_upgrade or is_expected else self.registered,
            reached=max(profile, self.reached or 0),
            pending=_above(self.pending, profile),
        )


def _above(pending: int | None, profile: int) -> int | None:
    return pending if pending is not None and pending > profile else None


def of_network_profile(request: Mapping[str, Any]) -> int:
    """Return the security profile of a SetNetworkProfileRequest; 0: it has none."""
    profile: int = request.get("connectionData", {}).get("securityProfile", 0)
    return profile
