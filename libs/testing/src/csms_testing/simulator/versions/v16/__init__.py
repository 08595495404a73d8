"""OCPP 1.6J, as a station speaks it. What is not among the handlers is answered NotSupported."""

from typing import TYPE_CHECKING

from csms_testing.simulator.frames import Json
from csms_testing.simulator.protocol import Protocol
from csms_testing.simulator.schemas import Schemas
from csms_testing.simulator.versions.v16 import commands, configuration, statuses, tokens, transactions, triggers
from csms_testing.simulator.versions.version import SimulatedVersion

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

# Two typing errors are the standard's (errata 5.1, 5.2).
_SPELLING = {
    "FormatViolation": "FormationViolation",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
    "RpcFrameworkError": "FormationViolation",
}
_LONGEST_SERIAL_NUMBER = 25


def _boot(station: "Station", _: str) -> Json:
    """A BootNotification; 1.6 has no reason."""
    return {
        "chargePointModel": station.config.model[:20],
        "chargePointVendor": station.config.vendor[:20],
        "chargePointSerialNumber": station.serial_number[:_LONGEST_SERIAL_NUMBER],
        "firmwareVersion": station.model.read("ChargingStation", "FirmwareVersion"),
    }


V16 = SimulatedVersion(
    protocol=Protocol.OCPP16,
    schemas=Schemas("v16", request_suffix="", spelling=_SPELLING),
    most_connectors=1,
    register_decimals=0,  # meterStart and meterStop are integers
    handlers={
        "ChangeAvailability": commands.change_availability,
        "ChangeConfiguration": configuration.change_configuration,
        "ClearCache": commands.clear_cache,
        "DataTransfer": commands.data_transfer,
        "GetConfiguration": configuration.get_configuration,
        "GetLocalListVersion": commands.get_local_list_version,
        "RemoteStartTransaction": commands.remote_start_transaction,
        "RemoteStopTransaction": commands.remote_stop_transaction,
        "Reset": commands.reset,
        "SendLocalList": commands.send_local_list,
        "TriggerMessage": triggers.trigger_message,
        "UnlockConnector": commands.unlock_connector,
    },
    harmless=("GetConfiguration", {"key": ["HeartbeatInterval"]}),
    boot=_boot,
    authorize=tokens.authorize,
    message=transactions.message,
    status=statuses.word,
    tell_status=statuses.tell,
    report_station=statuses.report_station,
)
