"""Where stations belong, and where a token may be used: its sites, and labels that a station must have."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a station belongs."""

    site_id: str = ""
    """Empty: to no site."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a token may be used; None: anywhere."""

    site_ids: Collection[str] | None = None
    """A station must belong to one of them; empty: it may be used nowhere."""
    labels: Mapping[str, str] | None = None
    """A station must have all of them."""

    def __bool__(self) -> bool:
        """Whether there is any limit."""
        return self.site_ids is not None or bool(self.labels)

    def are_of_site(self, placement: Placement | None) -> bool:
        """Whether a station's site is among those it may be used at. None: nobody knows where the station belongs."""
        return self.site_ids is None or (placement is not None and placement.site_id in self.site_ids)

    def are_labelled(self, placement: Placement | None) -> bool:
        """Whether a station has the labels that it may be used with."""
        wanted = (self.labels or {}).items()
        return not wanted or (placement is not None and wanted <= placement.labels.items())


ANYWHERE = Limits()
