"""The components and variables that OCPP 2.0.1 Core and the optional features ask a station to have."""

from collections.abc import Iterator
from functools import lru_cache
from types import MappingProxyType

from csms_testing.simulator.device_model.controllers import controllers
from csms_testing.simulator.device_model.variable import Key, Variable

_CONNECTOR_STATES = ("Available", "Occupied", "Reserved", "Unavailable", "Faulted")


@lru_cache(maxsize=64)
def definitions(evses: int, connectors: int, max_power_w: int) -> MappingProxyType[Key, Variable]:
    """The shared definitions of all stations built alike; `max_power_w` is per EVSE."""
    found = [*controllers(), *_station(evses)]
    for evse in range(1, evses + 1):
        found += _evse(evse, max_power_w)
        for connector in range(1, connectors + 1):
            found += _connector(evse, connector)
    return MappingProxyType({variable.key: variable for variable in found})


def _station(evses: int) -> Iterator[Variable]:
    name = "ChargingStation"
    for text in ("Model", "VendorName", "SerialNumber", "FirmwareVersion"):
        yield Variable(component=name, name=text)
    yield Variable(
        component=name, name="AvailabilityState", value="Available", data_type="OptionList", choices=_CONNECTOR_STATES
    )
    for flag, value in (("Available", "true"), ("Problem", "false")):
        yield Variable(component=name, name=flag, value=value, data_type="boolean")
    yield Variable(component=name, name="SupplyPhases", value="3", data_type="integer")
    yield Variable(component=name, name="PhaseRotation", value="RST", mutability="ReadWrite")
    yield Variable(component=name, name="EVSECount", value=str(evses), data_type="integer")


def _evse(evse: int, max_power_w: int) -> Iterator[Variable]:
    yield Variable(
        component="EVSE",
        evse=evse,
        name="AvailabilityState",
        value="Available",
        data_type="OptionList",
        choices=_CONNECTOR_STATES,
    )
    for flag, value in (("Available", "true"), ("Problem", "false"), ("AllowReset", "true")):
        yield Variable(component="EVSE", evse=evse, name=flag, value=value, data_type="boolean")
    yield Variable(component="EVSE", evse=evse, name="SupplyPhases", value="3", data_type="integer")
    yield Variable(
        component="EVSE", evse=evse, name="Power", value="0", data_type="decimal", unit="W", maximum=max_power_w
    )
    yield Variable(component="EVSE", evse=evse, name="EvseId", value=f"DE*SIM*E{evse}")


def _connector(evse: int, connector: int) -> Iterator[Variable]:
    def variable(name: str, value: str, data_type: str, choices: tuple[str, ...] = ()) -> Variable:
        return Variable(
            component="Connector",
            evse=evse,
            connector=connector,
            name=name,
            value=value,
            data_type=data_type,
            choices=choices,
        )

    yield variable("AvailabilityState", "Available", "OptionList", _CONNECTOR_STATES)
    yield variable("Available", "true", "boolean")
    yield variable("Problem", "false", "boolean")
    yield variable("ConnectorType", "cType2", "string")
    yield variable("SupplyPhases", "3", "integer")
