"""The settings of the history service, which come from the environment."""

from csms_runtime.settings import DatabaseAccess, RuntimeSettings
from pydantic import Field


class HistorySettings(RuntimeSettings, DatabaseAccess):
    """What only the history service has."""

    keep_timeline_days: int = Field(
        90, ge=0, le=36500, description="How long the timelines of stations are kept, in days; 0: for ever"
    )
    station_timeline_bytes: int = Field(
        16 * 1024 * 1024,
        ge=1024 * 1024,
        description="How much of a station's timeline is kept at most, in bytes as stored; beyond it the oldest of "
        "that station gives way",
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
