"""The settings of the history service, which come from the environment."""

from csms_runtime.settings import DatabaseAccess, RuntimeSettings
from pydantic import Field, IPvAnyNetwork


class HistorySettings(RuntimeSettings, DatabaseAccess):
    """What only the history service has."""

    keep_timeline_days: int = Field(
        90,
        ge=0,
        le=36500,
        description="How long timelines and connections of stations are kept, in days; 0: for ever. Uptime is "
        "known for as long",
    )
    station_timeline_bytes: int = Field(
        4 * 1024 * 1024,
        ge=64 * 1024,
        description="How much of each type of entry of a station's timeline is kept at most, in bytes as stored, and "
        "as much of its connections; beyond it the oldest of that station and type gives way",
    )
    keep_events_days: int = Field(
        7,
        ge=1,
        le=3650,
        description="How long domain events are kept for those who follow them (/events/stream), in days",
    )
    event_streams: int = Field(
        100, ge=0, le=10_000, description="How many event streams a process of the history service serves at a time"
    )
    webhook_http_allowed: bool = Field(
        default=False, description="Whether webhooks may go to http URLs: then who listens on the way reads the events"
    )
    webhook_networks_allowed: list[IPvAnyNetwork] = Field(
        [],
        description="Networks that are not public and that webhooks may go to, in CIDR notation, as a JSON list: "
        '["10.1.2.0/24"]. Whoever has an admin key can have requests made there',
    )
    webhook_retry_hours: int = Field(
        24, ge=1, le=168, description="How long an event is sent again that a webhook's target does not take, in hours"
    )
    keep_deliveries_days: int = Field(
        7, ge=1, le=3650, description="How long it is kept what webhooks were sent, and what was given up, in days"
    )
    keep_messages_days: int = Field(
        7,
        ge=0,
        le=36500,
        description="How long the message log is kept, in days; 0: for ever. For a station shorter: "
        "`PUT /stations/{id}/message-log`",
    )
    station_messages_bytes: int = Field(
        16 * 1024 * 1024,
        ge=1024 * 1024,
        description="How much of a station's messages is kept of each day, in bytes as stored; beyond it the oldest of "
        "that day give way",
    )
