"""The BootNotification of a station (B01)."""

from typing import TYPE_CHECKING

from csms_testing.simulator.frames import Json

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

_LONGEST_SERIAL_NUMBER = 25


def payload(station: "Station", reason: str) -> Json:
    """The BootNotificationRequest; `reason` is a BootReasonEnumType."""
    return {
        "reason": reason,
        "chargingStation": {
            "model": station.config.model,
            "vendorName": station.config.vendor,
            "serialNumber": station.serial_number[:_LONGEST_SERIAL_NUMBER],
            "firmwareVersion": station.model.read("ChargingStation", "FirmwareVersion"),
        },
    }


def describe(station: "Station") -> None:
    """Write what the station is into its device model."""
    facts = {
        "Model": station.config.model,
        "VendorName": station.config.vendor,
        "SerialNumber": station.serial_number,
        "FirmwareVersion": station.config.firmware_version,
    }
    for name, value in facts.items():
        station.model.write("ChargingStation", name, value)
    station.model.write("SecurityCtrlr", "Identity", station.id)
