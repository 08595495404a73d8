"""What becomes of a password that a station is asked to take as a variable (A01.FR.02-.05)."""

from collections.abc import Iterator, Sequence
from enum import Enum

from csms_device_mgmt.device_model.matching import in_request_order
from csms_device_mgmt.device_model.variable_key import JsonObject, VariableKey


class PasswordOutcome(Enum):
    """What is known of it."""

    TAKEN = "taken"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """The station may use either: no answer came, or it changes with its next reboot."""


_BY_STATUS = {"Accepted": PasswordOutcome.TAKEN, "RebootRequired": PasswordOutcome.UNKNOWN}


def offered(elements: Sequence[JsonObject], password: VariableKey) -> list[str]:
    """Return the passwords among elements that are to be set, `password` being the variable of it: none, seldom one."""
    return [element["attributeValue"] for element in elements if _is(password, element)]


def judge(
    elements: Sequence[JsonObject], results: Sequence[JsonObject], password: VariableKey
) -> Iterator[tuple[str, PasswordOutcome]]:
    """Return each password among the elements with what the results say of it; no result for it: unknown."""
    for element, result in zip(elements, in_request_order(elements, results), strict=True):
        if _is(password, element):
            status = result["attributeStatus"] if result is not None else "RebootRequired"
            yield element["attributeValue"], _BY_STATUS.get(status, PasswordOutcome.REFUSED)


def _is(password: VariableKey, element: JsonObject) -> bool:
    return VariableKey.in_message(element).path == password.path
