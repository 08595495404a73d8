"""The settings of the transactions service, which come from the environment."""

from csms_runtime.settings import DatabaseAccess, RuntimeSettings
from pydantic import Field, field_validator

from csms_transactions.domain.web_payment import NEEDED


class TransactionSettings(RuntimeSettings, DatabaseAccess):
    """Settings of the transactions service."""

    token_decision_timeout_s: float = Field(
        5.0,
        gt=0,
        le=300,
        description="How long auth may take to decide on the idTokens of TransactionEvents, in seconds",
    )
    keep_remote_requests_days: int = Field(
        90,
        ge=0,
        le=36500,
        description="How long remote starts and stops, and payments by QR code, are kept, in days; 0: for ever",
    )
    keep_transactions_days: int = Field(
        0,
        ge=0,
        le=36500,
        description="How long transactions that have ended are kept, with their events, in days from their start; "
        "0: for ever",
    )
    keep_meter_values_days: int = Field(
        365,
        ge=0,
        le=36500,
        description="How long MeterValues messages are kept, in days; 0: for ever, as far as "
        "CSMS_STATION_METER_VALUES_BYTES goes",
    )
    station_meter_values_bytes: int = Field(
        256 * 1024 * 1024,
        ge=8 * 1024 * 1024,
        description="How much of a station's MeterValues messages is kept at most, in bytes as stored; beyond it the "
        "oldest of that station give way",
    )
    web_payment_path: str = Field(
        "/{chargingstationid}/{evse}/{totp}/{version}",
        max_length=500,
        description="The path of the URLs in stations' QR codes (2.1), as in their WebPaymentsCtrlr.URLTemplate: "
        "whole segments. {chargingstationid}, {totp} and {version} are needed, {evse} may be left out",
    )
    call_grace_s: float = Field(
        3.0, gt=0, le=60, description="How much longer a request waits for the outcome of a CALL, in seconds"
    )
    count_interval_s: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="How often stations, connectors and running transactions are counted for the metrics, in seconds; "
        "one replica of each service does it",
    )

    @field_validator("web_payment_path")
    @classmethod
    def _has_all(cls, path: str) -> str:
        segments = path.strip("/").split("/")
        missing = [name for name in NEEDED if segments.count(name) != 1]
        if missing:
            raise ValueError(f"each of these is to be a segment of it, once: {', '.join(missing)}")
        return path
