"""What a station tells when it has booted, or is asked to say so."""

from typing import NamedTuple

TRIGGERED = "Triggered"
"""The reason of a BootNotification that was asked for: the station has not booted."""
FIRMWARE_UPDATE = "FirmwareUpdate"
"""The reason of a boot that a firmware update asked for (L01)."""


class Boot(NamedTuple):
    """A BootNotification; None: the station did not tell it."""

    reason: str | None
    vendor_name: str
    model: str
    serial_number: str | None
    firmware_version: str | None
    iccid: str | None
    imsi: str | None
    meter_type: str | None = None
    meter_serial_number: str | None = None
