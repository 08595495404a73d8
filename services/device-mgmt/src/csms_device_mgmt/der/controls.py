"""What messages say of DER controls (R04, OCPP 2.1)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from csms_device_mgmt.device_model.variable_key import JsonObject

CURVE = "curve"
_LONGEST_ID, _LONGEST_TYPE = 36, 64
_MOST_BYTES = 4096
"""Of the settings of a control: longer ones hold what no control has, and are only in the report."""
_TYPES: Mapping[str, str] = {
    "enterService": "EnterService",
    "fixedPFAbsorb": "FixedPFAbsorb",
    "fixedPFInject": "FixedPFInject",
    "fixedVar": "FixedVar",
    "freqDroop": "FreqDroop",
    "gradient": "Gradients",
    "limitMaxDischarge": "LimitMaxDischarge",
}
"""The controlType of each field that has the settings of a control; those of a curve say it themselves."""
_SETTINGS = ("fixedPF", CURVE, *_TYPES)
"""The fields of a reported control that have its settings."""


class Control(NamedTuple):
    """A control that a station holds."""

    control_id: str
    control_type: str
    """OCPP's DERControlEnumType."""
    is_default: bool
    settings: JsonObject
    is_superseded: bool = False


class ControlChange(NamedTuple):
    """What a command that the station took changes."""

    held: Control | None = None
    """It holds this one now."""
    superseded: Sequence[str] = ()
    """The ids of those that give way to it."""
    cleared: Mapping[str, Any] | None = None
    """It holds none any more that has these: is_default, and control_type or control_id where they are given."""


def was_set(request: JsonObject, response: JsonObject) -> ControlChange:
    """Read a SetDERControlRequest that was answered."""
    field = next((name for name, kind in _TYPES.items() if kind == request["controlType"]), CURVE)
    held = Control(request["controlId"], request["controlType"], request["isDefault"], request.get(field, {}))
    return ControlChange(held, tuple(response.get("supersededIds", ())))


def was_cleared(request: JsonObject, _response: JsonObject) -> ControlChange:
    """Read a ClearDERControlRequest that was answered (R04.FR.40 and following)."""
    named = {"control_type": request.get("controlType"), "control_id": request.get("controlId")}
    wanted = {name: value for name, value in named.items() if value is not None}
    return ControlChange(cleared={"is_default": request["isDefault"], **wanted})


def reported(entries: Iterable[JsonObject]) -> Iterator[Control]:
    """Read the entries of a ReportDERControl: each is a control, by the name of its kind."""
    for entry in entries:
        for kind, told in entry.items():
            control_type = told.get("curveType") or _TYPES.get(kind, kind)
            settings: JsonObject = next((told[name] for name in _SETTINGS if name in told), {})
            is_default = told.get("isDefault", True)  # an enterService or a gradient is always one
            if is_id(told["id"]):
                is_superseded = told.get("isSuperseded", False)
                yield Control(told["id"], control_type[:_LONGEST_TYPE], is_default, _bounded(settings), is_superseded)


def _bounded(settings: JsonObject) -> JsonObject:
    found = {name: value for name, value in settings.items() if name != "customData"}
    return found if len(orjson.dumps(found)) <= _MOST_BYTES else {}


def is_id(text: str) -> bool:
    """Whether a text can be kept as the id of a control."""
    return 0 < len(text) <= _LONGEST_ID
