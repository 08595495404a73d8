"""VatNumberValidation (C18.FR.08, OCPP 2.1): recorded, and answered from a register."""

from csms_device_mgmt.monitoring.recorded_messages import record
from csms_device_mgmt.payment.vat_register import VatRegister, answer
from csms_device_mgmt.station_message import Answer, Handler, StationMessage
from csms_device_mgmt.unit import Unit


def handler(register: VatRegister) -> Handler:
    """Return the handler that looks into this register."""

    async def handle(unit: Unit, message: StationMessage) -> Answer:
        await record(unit, message)
        return answer(message.payload, await register.find(unit.session, message.payload["vatNumber"]))

    return handle
