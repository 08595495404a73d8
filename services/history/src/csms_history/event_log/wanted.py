"""Which events somebody wants. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from csms_ocpp import station_ids


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events; None: all. Of several filters each must hold."""

    types: frozenset[str] | None = None
    station_keys: frozenset[str] | None = None
    """As `csms_ocpp.station_ids.key` makes them."""
    site_ids: frozenset[str] | None = None

    @classmethod
    def of(
        cls, types: Iterable[str] | None, station_ids_: Iterable[str] | None, site_ids: Iterable[str] | None
    ) -> "Wanted":
        """Build it from what people say; None and nothing: all."""
        keys = frozenset(map(station_ids.key, station_ids_ or ()))
        return cls(frozenset(types or ()) or None, keys or None, frozenset(site_ids or ()) or None)

    def takes(self, type_: str, station_key: str | None, site_id: str | None) -> bool:
        """Whether an event is wanted."""
        return (
            (self.types is None or type_ in self.types)
            and (self.station_keys is None or station_key in self.station_keys)
            and (self.site_ids is None or site_id in self.site_ids)
        )
