"""The settings of the history service, which come from the environment."""

from csms_runtime.settings import DatabaseAccess, RuntimeSettings
from pydantic import Field


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
