"""OCPP 1.6: configuration keys. Most are variables of 2.0.1, which is what the station itself reads."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csms_testing.simulator.device_model import Variable
from csms_testing.simulator.frames import Json
from csms_testing.simulator.handlers.answers import answer, refuse
from csms_testing.simulator.rpc import Reply

if TYPE_CHECKING:
    from csms_testing.simulator.station import Station

_MAX_KEYS = 20
_AUTHORIZATION_KEY = "AuthorizationKey"
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2}){16,20}")
_TEXT = re.compile(r"[ -~]{16,20}")


@dataclass(frozen=True, slots=True)
class _Of:
    """The variable behind a key."""

    component: str
    name: str
    instance: str | None = None

    def wanted(self) -> Json:
        """Its place in requests."""
        instance = {} if self.instance is None else {"instance": self.instance}
        return {"component": {"name": self.component}, "variable": {"name": self.name, **instance}}


_VARIABLES: Mapping[str, _Of] = {
    "AllowOfflineTxForUnknownId": _Of("AuthCtrlr", "OfflineTxForUnknownIdEnabled"),
    "AuthorizationCacheEnabled": _Of("AuthCacheCtrlr", "Enabled"),
    _AUTHORIZATION_KEY: _Of("SecurityCtrlr", "BasicAuthPassword"),
    "AuthorizeRemoteTxRequests": _Of("AuthCtrlr", "AuthorizeRemoteStart"),
    "ClockAlignedDataInterval": _Of("AlignedDataCtrlr", "Interval"),
    "ConnectionTimeOut": _Of("TxCtrlr", "EVConnectionTimeOut"),
    "CpoName": _Of("SecurityCtrlr", "OrganizationName"),
    "HeartbeatInterval": _Of("OCPPCommCtrlr", "HeartbeatInterval"),
    "LocalAuthListEnabled": _Of("LocalAuthListCtrlr", "Enabled"),
    "LocalAuthorizeOffline": _Of("AuthCtrlr", "LocalAuthorizeOffline"),
    "LocalPreAuthorize": _Of("AuthCtrlr", "LocalPreAuthorize"),
    "MaxEnergyOnInvalidId": _Of("TxCtrlr", "MaxEnergyOnInvalidId"),
    "MeterValueSampleInterval": _Of("SampledDataCtrlr", "TxUpdatedInterval"),
    "MeterValuesAlignedData": _Of("AlignedDataCtrlr", "Measurands"),
    "MeterValuesSampledData": _Of("SampledDataCtrlr", "TxUpdatedMeasurands"),
    "ResetRetries": _Of("OCPPCommCtrlr", "ResetRetries"),
    "SecurityProfile": _Of("SecurityCtrlr", "SecurityProfile"),
    "SendLocalListMaxLength": _Of("LocalAuthListCtrlr", "ItemsPerMessage"),
    "StopTransactionOnEVSideDisconnect": _Of("TxCtrlr", "StopTxOnEVSideDisconnect"),
    "StopTransactionOnInvalidId": _Of("TxCtrlr", "StopTxOnInvalidId"),
    "StopTxnAlignedData": _Of("AlignedDataCtrlr", "TxEndedMeasurands"),
    "StopTxnSampledData": _Of("SampledDataCtrlr", "TxEndedMeasurands"),
    "TransactionMessageAttempts": _Of("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"),
    "TransactionMessageRetryInterval": _Of("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent"),
    "UnlockConnectorOnEVSideDisconnect": _Of("OCPPCommCtrlr", "UnlockOnEVSideDisconnect"),
    "WebSocketPingInterval": _Of("OCPPCommCtrlr", "WebSocketPingInterval"),
}
_FIXED: Mapping[str, Callable[["Station"], str]] = {
    "ConnectorPhaseRotation": lambda station: ",".join(f"{number}.RST" for number in (0, *station.evses)),
    "GetConfigurationMaxKeys": lambda _: str(_MAX_KEYS),
    "LocalAuthListMaxLength": lambda _: "1000",
    "NumberOfConnectors": lambda station: str(len(station.evses)),
    "SupportedFeatureProfiles": lambda _: "Core,LocalAuthListManagement,RemoteTrigger",
}
"""Keys that cannot be changed and are no variables."""
_SPELLING = {name.lower(): name for name in sorted(_VARIABLES.keys() | _FIXED.keys())}
"""Keys compare without case."""


def get_configuration(station: "Station", request: Json) -> Reply:
    """Without keys: all of them."""
    wanted = request.get("key") or list(_SPELLING)
    if len(request.get("key", ())) > _MAX_KEYS:
        return refuse("OccurrenceConstraintViolation", f"more than GetConfigurationMaxKeys ({_MAX_KEYS})")
    known = [_entry(station, _SPELLING[key.lower()]) for key in wanted if key.lower() in _SPELLING]
    unknown = [key for key in wanted if key.lower() not in _SPELLING]
    return Reply({"configurationKey": known, **({"unknownKey": unknown} if unknown else {})})


def _entry(station: "Station", name: str) -> Json:
    """A key with its value; AuthorizationKey keeps its value to itself."""
    if name in _FIXED:
        return {"key": name, "readonly": True, "value": _FIXED[name](station)}
    place = _VARIABLES[name]
    variable = station.model.find(**place.wanted())
    if not isinstance(variable, Variable):
        raise KeyError(name)  # a mistake in the table
    value = {} if variable.mutability == "WriteOnly" else {"value": station.model.read(*_address(place))}
    return {"key": name, "readonly": variable.mutability == "ReadOnly", **value}


def _address(place: _Of) -> tuple[str, str, str | None]:
    return place.component, place.name, place.instance


def change_configuration(station: "Station", request: Json) -> Reply:
    """What a station of 2.0.1 says to SetVariables is what one of 1.6 says, word for word."""
    name = _SPELLING.get(request["key"].lower())
    if name is None:
        return answer("NotSupported")
    if name in _FIXED:
        return answer("Rejected")
    if name == _AUTHORIZATION_KEY:
        return _change_password(station, request["value"])
    wanted = {**_VARIABLES[name].wanted(), "attributeValue": request["value"]}
    return answer(station.model.set(wanted)["attributeStatus"])


def _change_password(station: "Station", value: str) -> Reply:
    """16 to 20 bytes in hexadecimal digits (whitepaper), or, from an older CSMS, as text."""
    if _HEXADECIMAL.fullmatch(value):
        station.link.password = bytes.fromhex(value)
    elif _TEXT.fullmatch(value):
        station.link.password = value
    else:
        return answer("Rejected")
    return answer("Accepted")
