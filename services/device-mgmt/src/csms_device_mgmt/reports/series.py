"""Reports that a station sends in several messages of one requestId, and what each of these messages carries."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from csms_device_mgmt.device_model.variable_key import JsonObject


@dataclass(frozen=True, slots=True)
class Series:
    """A kind of report."""

    message: str
    """The station's message that carries a part."""
    actions: tuple[str, ...]
    """What the CSMS sends to ask for it."""
    entries: Callable[[JsonObject], list[Any]]
    """The entries of one part, from its payload."""


def _reported_profiles(payload: JsonObject) -> list[Any]:
    where = {name: payload[name] for name in ("evseId", "chargingLimitSource") if name in payload}
    return [{**where, "chargingProfile": profile} for profile in payload.get("chargingProfile", [])]


_DER_KINDS = (
    "curve", "enterService", "fixedPFAbsorb", "fixedPFInject", "fixedVar", "freqDroop", "gradient", "limitMaxDischarge"
)  # fmt: skip


def _der_controls(payload: JsonObject) -> list[Any]:
    return [{kind: control} for kind in _DER_KINDS for control in payload.get(kind, [])]


DEVICE_MODEL = Series(
    "NotifyReport", ("GetBaseReport", "GetReport"), lambda payload: list(payload.get("reportData", []))
)
"""B07, B08."""
MONITORS = Series("NotifyMonitoringReport", ("GetMonitoringReport",), lambda payload: list(payload.get("monitor", [])))
"""N02."""
CUSTOMER_INFORMATION = Series(
    "NotifyCustomerInformation", ("CustomerInformation",), lambda payload: [payload.get("data", "")]
)
"""N09, N10: the entries are pieces of one text."""
DISPLAY_MESSAGES = Series(
    "NotifyDisplayMessages", ("GetDisplayMessages",), lambda payload: list(payload.get("messageInfo", []))
)
"""O03, O04; its messages have no seqNo."""
CHARGING_PROFILES = Series("ReportChargingProfiles", ("GetChargingProfiles",), _reported_profiles)
"""K09; its messages have no seqNo."""
DER_CONTROLS = Series("ReportDERControl", ("GetDERControl",), _der_controls)
"""R04 (OCPP 2.1); its messages have no seqNo. An entry has one control, by the name of its kind."""

ALL = (DEVICE_MODEL, MONITORS, CUSTOMER_INFORMATION, DISPLAY_MESSAGES, CHARGING_PROFILES)
BY_ACTION = {action: series for series in ALL for action in series.actions}
"""The report that follows when a station accepts this request, in OCPP 2.0.1."""
