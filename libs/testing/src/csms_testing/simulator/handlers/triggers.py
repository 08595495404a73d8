"""F06: every message a CSMS may ask for."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from csms_testing.simulator import status
from csms_testing.simulator.evse import Evse
from csms_testing.simulator.features import Job
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers import certificates
from csms_testing.simulator.handlers.answers import Then, answer, notify
from csms_testing.simulator.link import Registration
from csms_testing.simulator.rpc import Reply

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station


def trigger_message(station: "Station", request: Json) -> Reply:
    """Accepted and the message, Rejected when it makes no sense now, NotImplemented when the means are lacking."""
    if "evse" in request and request["evse"]["id"] not in station.evses:
        return answer("Rejected", reason="UnknownEvse")
    outcome = _TRIGGERS[request["requestedMessage"]](station, request)
    return answer(outcome) if isinstance(outcome, str) else answer("Accepted", outcome)


def _boot(station: "Station", _: Json) -> Then | str:
    if station.registration is Registration.ACCEPTED:
        return "Rejected"  # F06.FR.17

    async def boot() -> None:
        station.link.boot_again("Triggered")

    return boot


def _heartbeat(station: "Station", _: Json) -> Then | str:
    return station.link.heartbeat


def _status(station: "Station", request: Json) -> Then | str:
    wanted = request.get("evse", {})
    evse = station.evses.get(wanted.get("id"))
    connector = evse.connector(wanted.get("connectorId")) if evse else None
    if evse is None or connector is None:
        return "Rejected"  # F06.FR.13: both are needed
    return lambda: status.report(station, evse, connector)


def _chosen(station: "Station", request: Json) -> list[Evse]:
    evse_id = request.get("evse", {}).get("id")
    return [evse for evse in station.evses.values() if evse_id in (None, evse.id)]


def _meter_values(station: "Station", request: Json) -> Then | str:
    async def send() -> None:
        wanted = station.model.members("AlignedDataCtrlr", "Measurands")
        for evse in _chosen(station, request):
            sample = evse.meter.sample(wanted, "Trigger")
            if sample is not None:
                await notify(station, "MeterValues", {"evseId": evse.id, "meterValue": [sample]})

    return send


def _transaction_event(station: "Station", request: Json) -> Then | str:
    running = [evse.transaction for evse in _chosen(station, request) if evse.transaction is not None]

    async def send() -> None:
        for transaction in running:
            await station.emit(transaction, "Updated", "Trigger", measurands="TxUpdatedMeasurands")

    return send if running else "Rejected"


def _job(action: str, job: Callable[["Station"], Job]) -> Callable[["Station", Json], Then | str]:
    """A notification about a transfer; without one it is Idle and has no requestId (L01.FR.20, N01.FR.13)."""

    def trigger(station: "Station", _: Json) -> Then | str:
        async def send() -> None:
            found = job(station)
            request_id = {"requestId": found.request_id} if found.running else {}
            await notify(station, action, {"status": found.status if found.running else "Idle", **request_id})

        return send

    return trigger


def _sign(certificate_type: str | None) -> Callable[["Station", Json], Then | str]:
    def trigger(station: "Station", _: Json) -> Then | str:
        if not certificates.can_sign():
            return "NotImplemented"
        return lambda: certificates.sign_certificate(station, certificate_type)

    return trigger


_TRIGGERS: dict[str, Callable[["Station", Json], Then | str]] = {
    "BootNotification": _boot,
    "FirmwareStatusNotification": _job("FirmwareStatusNotification", lambda station: station.features.firmware),
    "Heartbeat": _heartbeat,
    "LogStatusNotification": _job("LogStatusNotification", lambda station: station.features.log),
    "MeterValues": _meter_values,
    "PublishFirmwareStatusNotification": _job(
        "PublishFirmwareStatusNotification", lambda station: station.features.publishing
    ),
    "SignChargingStationCertificate": _sign("ChargingStationCertificate"),
    "SignCombinedCertificate": _sign(None),
    "SignV2GCertificate": _sign("V2GCertificate"),
    "StatusNotification": _status,
    "TransactionEvent": _transaction_event,
}
