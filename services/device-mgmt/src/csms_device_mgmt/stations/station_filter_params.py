"""The filters of the list of stations, as the API takes them."""

from typing import Annotated

from csms_ocpp.versions import Protocol
from csms_runtime.http.fields import UtcMoment
from csms_runtime.texts import NO_NUL
from fastapi import Depends, Query
from pydantic import AfterValidator, Field

from csms_device_mgmt.boot.registration import Registration
from csms_device_mgmt.sites.site_views import SITE_ID
from csms_device_mgmt.stations import station_labels
from csms_device_mgmt.stations.firmware_versions import MAX_VERSION
from csms_device_mgmt.stations.station_filters import StationFilter

MOST_LABELS = 10
"""Of a query."""


def _checked(label: str) -> str:
    if not station_labels.is_label(label):
        raise ValueError('a label is written "key:value"')
    return label


Label = Annotated[str, Field(max_length=station_labels.MAX_LABEL), AfterValidator(_checked)]
Version = Annotated[str, Field(max_length=MAX_VERSION, pattern=NO_NUL)]
Told = Annotated[str | None, Query(max_length=50, pattern=NO_NUL, description="As the station told it, exactly")]


async def _station_filter(
    *,
    connected: bool | None = None,
    connected_since: Annotated[
        UtcMoment | None, Query(description="Its newest connection began then or later, whether it lasts or not")
    ] = None,
    connected_until: Annotated[UtcMoment | None, Query(description="Its newest connection began before")] = None,
    last_seen_since: Annotated[UtcMoment | None, Query(description="It was heard then or later")] = None,
    last_seen_until: Annotated[UtcMoment | None, Query(description="It was heard before, and not since")] = None,
    connector_status: Annotated[
        str | None,
        Query(max_length=16, pattern=NO_NUL, description="A connector or EVSE of it has this status, e.g. Faulted"),
    ] = None,
    faulted_since: Annotated[
        UtcMoment | None, Query(description="It told of something wrong then or later, see /faults")
    ] = None,
    registration: Annotated[Registration | None, Query(description="As the station was last told")] = None,
    site_id: Annotated[str | None, Query(pattern=SITE_ID, description="The site that it belongs to")] = None,
    label: Annotated[
        list[Label] | None,
        Query(max_length=MOST_LABELS, description="`key:value`; given more than once: the station has all of them"),
    ] = None,
    vendor: Told = None,
    model: Told = None,
    firmware: Annotated[Version | None, Query(description="This version: 1.0, 1.0.0 and v1.0 are one")] = None,
    firmware_from: Annotated[
        Version | None, Query(description="This version or a later one: 1.10.0 is later than 1.9.2")
    ] = None,
    firmware_below: Annotated[
        Version | None, Query(description="An earlier version; stations that told none are left out")
    ] = None,
    protocol: Annotated[Protocol | None, Query(description="Of its newest connection")] = None,
    security_profile: Annotated[int | None, Query(ge=1, le=3, description="What its connection must have")] = None,
    connection_security_profile: Annotated[
        int | None, Query(ge=1, le=3, description="Of its newest connection")
    ] = None,
    q: Annotated[
        str | None,
        Query(max_length=100, pattern=NO_NUL, description="In id, vendor, model or serial number"),
    ] = None,
) -> StationFilter:
    return StationFilter(
        connected=connected,
        connected_since=connected_since,
        connected_until=connected_until,
        last_seen_since=last_seen_since,
        last_seen_until=last_seen_until,
        connector_status=connector_status,
        faulted_since=faulted_since,
        registration=registration,
        site_id=site_id,
        labels=label or (),
        vendor=vendor,
        model=model,
        firmware=firmware,
        firmware_from=firmware_from,
        firmware_below=firmware_below,
        protocol=protocol,
        security_profile=security_profile,
        connection_security_profile=connection_security_profile,
        q=q,
    )


StationFilterParams = Annotated[StationFilter, Depends(_station_filter)]
"""A parameter type for handlers: `async def list_things(wanted: StationFilterParams)`."""
