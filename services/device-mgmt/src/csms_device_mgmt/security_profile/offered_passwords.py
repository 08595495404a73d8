"""What becomes of a password that a station is asked to take by SetVariables (A01.FR.02-.05)."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from csms_device_mgmt.device_model.matching import in_request_order
from csms_device_mgmt.device_model.variable_key import BASIC_AUTH_PASSWORD, VariableKey


class PasswordOutcome(Enum):
    """What is known of it."""

    TAKEN = "taken"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """The station may use either: no answer came, or it changes with its next reboot."""


_BY_STATUS = {"Accepted": PasswordOutcome.TAKEN, "RebootRequired": PasswordOutcome.UNKNOWN}


def offered(request: Mapping[str, Any]) -> list[str]:
    """Return the passwords in a SetVariablesRequest: none, seldom one."""
    return [element["attributeValue"] for element in request.get("setVariableData", []) if _is_password(element)]


def judge(request: Mapping[str, Any], response: Mapping[str, Any]) -> Iterator[tuple[str, PasswordOutcome]]:
    """Return each password in a SetVariablesRequest with what the answer says of it; no result for it: unknown."""
    asked = request.get("setVariableData", [])
    for element, result in zip(asked, in_request_order(asked, response["setVariableResult"]), strict=True):
        if _is_password(element):
            status = result["attributeStatus"] if result is not None else "RebootRequired"
            yield element["attributeValue"], _BY_STATUS.get(status, PasswordOutcome.REFUSED)


def _is_password(element: Mapping[str, Any]) -> bool:
    return VariableKey.in_message(element).path == BASIC_AUTH_PASSWORD.path
