"""What the API shows of security profiles and their changes."""

from datetime import datetime
from typing import Annotated

from csms_runtime.http.fields import one_of
from pydantic import BaseModel, Field

from csms_device_mgmt.security_profile import change
from csms_device_mgmt.security_profile.profile_changes import change_of
from csms_device_mgmt.tables import Station

ProfileStep = Annotated[str, one_of(*change.Step)]


class ProfileChangeModel(BaseModel):
    """A change to a higher security profile, and how far it got."""

    security_profile: int = Field(description="The new one")
    from_profile: int | None
    step: ProfileStep
    failed_step: ProfileStep | None
    reason: str | None = Field(description="Why it failed")
    call_id: str | None = Field(description="The call whose outcome is awaited")
    attempts: int = Field(description="How often the step's CALL was sent")
    configuration_slot: int
    network_configuration_priority: list[int] | None = Field(description="null: not known yet")
    ocpp_csms_url: str
    started_at: datetime
    updated_at: datetime


class SecurityProfileModel(BaseModel):
    """A station's security profile."""

    id: str
    station_id: str
    security_profile: int | None = Field(description="What its connection must have; null: any")
    reached_security_profile: int | None = Field(description="The highest it has connected with")
    pending_security_profile: int | None = Field(description="A higher one it may come with, too")
    certificate_not_after: datetime | None = Field(
        description="The end of the ChargingStationCertificate that it accepted last"
    )
    change: ProfileChangeModel | None = Field(description="The last one that was asked for")


def security_profile(row: Station) -> SecurityProfileModel:
    """Show a station's security profile."""
    return SecurityProfileModel(
        id=row.station_id,
        station_id=row.station_id,
        security_profile=row.security_profile,
        reached_security_profile=row.reached_security_profile,
        pending_security_profile=row.pending_security_profile,
        certificate_not_after=row.certificate_not_after,
        change=_change(row),
    )


def _change(row: Station) -> ProfileChangeModel | None:
    change = change_of(row)
    if change is None:
        return None
    return ProfileChangeModel(
        security_profile=change.wanted.security_profile,
        from_profile=change.from_profile or None,
        step=change.step.value,
        failed_step=change.failed_step.value if change.failed_step else None,
        reason=change.reason,
        call_id=change.call_id,
        attempts=change.attempts,
        configuration_slot=change.wanted.configuration_slot,
        network_configuration_priority=None if change.priority is None else list(change.priority),
        ocpp_csms_url=change.wanted.ocpp_csms_url,
        started_at=change.started_at,
        updated_at=change.updated_at,
    )
