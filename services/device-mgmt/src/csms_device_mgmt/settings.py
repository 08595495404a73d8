"""Settings of device management."""

from csms_runtime.settings import DatabaseAccess, RuntimeSettings
from pydantic import Field

from csms_device_mgmt.boot.registration import Intervals


class DeviceSettings(RuntimeSettings, DatabaseAccess):
    """What only device management has."""

    heartbeat_interval_s: int = Field(
        300, ge=1, le=86400, description="Interval between Heartbeats that an accepted station is told, in seconds"
    )
    boot_retry_interval_s: int = Field(
        30, ge=1, le=86400, description="When a pending or rejected station is to boot again, in seconds"
    )
    call_timeout_s: float = Field(
        30.0,
        gt=0,
        le=600,
        description="How long a station may take to answer a CALL if nothing else is said, in seconds",
    )
    call_grace_s: float = Field(
        3.0, gt=0, le=60, description="How much longer a request waits for the outcome of a CALL, in seconds"
    )
    sweep_interval_s: float = Field(
        30.0, gt=0, le=3600, description="How often calls that nobody finished are looked for, in seconds"
    )
    count_interval_s: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="How often stations, connectors and running transactions are counted for the metrics, in seconds; "
        "one replica of each service does it",
    )

    keep_calls_days: int = Field(
        90, ge=0, le=36500, description="How long CALLs to stations and their outcomes are kept, in days; 0: for ever"
    )
    keep_notifications_days: int = Field(
        90,
        ge=0,
        le=36500,
        description="How long recorded messages and faults of stations are kept, in days; 0: for ever",
    )
    keep_dead_letters_days: int = Field(
        90, ge=0, le=36500, description="How long dead letters of all services are kept, in days; 0: for ever"
    )
    keep_reports_days: int = Field(
        90,
        ge=0,
        le=36500,
        description="How long reports, firmware updates and log uploads are kept, in days; 0: for ever. The device "
        "model that reports lead to stays",
    )
    keep_settlements_days: int = Field(
        3650, ge=0, le=36500, description="How long settlements that are not open are kept, in days; 0: for ever"
    )
    station_connectors: int = Field(
        500, ge=1, le=100_000, description="How many connectors, EVSEs among them, are kept of a station at most"
    )
    station_variables: int = Field(
        10_000, ge=100, le=1_000_000, description="How many variables of its device model are kept of a station at most"
    )
    station_history_bytes: int = Field(
        64 * 1024 * 1024,
        ge=8 * 1024 * 1024,
        description="How much of a station's history is kept at most, in bytes as stored: recorded and refused "
        "messages, reports, steps of jobs, CALLs and their outcomes. Beyond it the oldest of that station gives way",
    )
    log_upload_url: str | None = Field(
        None,
        pattern=r"^https?://[^/?#@\s]+(/[^?#\s]*)?$",
        max_length=512,
        description="Where stations reach /api/v1/log-uploads of the HTTP API, for example "
        "https://csms.example.org/api/v1/log-uploads: a log that is asked for without a remoteLocation is uploaded "
        "there. Absent: GetLog needs a remoteLocation; standalone has its own address",
    )
    log_upload_bytes: int = Field(
        64 * 1024 * 1024,
        ge=1024 * 1024,
        le=1024 * 1024 * 1024,
        description="How large a log may be that a station uploads to the CSMS, in bytes. The last 20 of a station are "
        "kept, as long as CSMS_KEEP_REPORTS_DAYS says",
    )
    station_waiting_calls: int = Field(
        20, ge=1, le=1000, description="How many calls may wait for one station to come back (`deliver_until`) at most"
    )
    station_waiting_bytes: int = Field(
        1024 * 1024, ge=1024, description="Of the payloads of such calls of one station, in bytes"
    )
    bulk_stations: int = Field(
        100_000, ge=1, le=1_000_000, description="How many stations a command for many (POST /bulk) may be for"
    )
    receipt_url: str = Field(
        "",
        pattern="^(https?://.*)?$",
        max_length=512,
        description="Where drivers who paid at a station (2.1) find the receipt: the station shows it when it has "
        "told of the settlement. {psp_ref} and {transaction_id} are put in. Empty: no receipts are made here",
    )
    public_ocpp_url_tls: str | None = Field(
        None,
        pattern="^wss://",
        max_length=512,
        description="Where stations reach the TLS endpoint, wss://… without their identity: what they are given for "
        "a higher security profile; absent: each change names it. Standalone with certificates of its own has one",
    )

    @property
    def intervals(self) -> Intervals:
        """The `interval` of BootNotification responses."""
        return Intervals(heartbeat_s=self.heartbeat_interval_s, retry_s=self.boot_retry_interval_s)
