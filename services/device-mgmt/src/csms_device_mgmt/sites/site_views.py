"""What the API takes and shows of sites."""

import re
import zoneinfo
from datetime import datetime
from functools import cache
from typing import Annotated, Any

from csms_runtime.texts import NO_NUL
from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from csms_device_mgmt.tables import Site

SITE_ID = r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,47}$"
SiteId = Annotated[str, Field(pattern=SITE_ID, max_length=48)]
SitePath = Annotated[str, Path(pattern=SITE_ID, description="Letters, digits and `._~-`, up to 48")]
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}")


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _zone(name: str) -> str:
    """Return the name. Where the machine has no database of time zones, its form is all that is checked."""
    known = _zones()
    if _ZONE.fullmatch(name) is None or (known and name not in known):
        raise ValueError("IANA knows no such time zone")
    return name


class Coordinates(BaseModel):
    """Where a site is (WGS 84)."""

    model_config = ConfigDict(extra="forbid")

    latitude: float = Field(ge=-90, le=90, description="In degrees")
    longitude: float = Field(ge=-180, le=180, description="In degrees")


class SiteBody(BaseModel):
    """What an operator says of a site. A field that is left out keeps its value; null clears it."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=255, pattern=NO_NUL)] = Field(
        default_factory=str,  # never used: see `columns`
        description="Required when the site is created",
    )
    address: str | None = Field(None, max_length=1000, pattern=NO_NUL)
    coordinates: Coordinates | None = None
    time_zone: Annotated[str, AfterValidator(_zone)] | None = Field(
        None, max_length=64, description="As IANA names it: Europe/Berlin"
    )

    @property
    def columns(self) -> dict[str, Any]:
        """What was given, as columns."""
        given: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set - {"coordinates"}}
        if "coordinates" in self.model_fields_set:
            where = self.coordinates
            given |= {"latitude": where and where.latitude, "longitude": where and where.longitude}
        return given


class SiteModel(BaseModel):
    """A site."""

    id: str
    site_id: str
    name: str
    address: str | None
    coordinates: Coordinates | None
    time_zone: str | None
    created_at: datetime
    updated_at: datetime


def site(row: Site) -> SiteModel:
    """Show a site."""
    known = row.latitude is not None and row.longitude is not None
    return SiteModel(
        id=row.site_id,
        site_id=row.site_id,
        name=row.name,
        address=row.address,
        coordinates=Coordinates(latitude=row.latitude, longitude=row.longitude) if known else None,
        time_zone=row.time_zone,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
