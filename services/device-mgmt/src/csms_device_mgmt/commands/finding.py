"""What a rule is, and what it finds."""

from collections.abc import Callable, Iterable

from csms_ocpp.rules.finding import Finding

from csms_device_mgmt.device_model.variable_key import JsonObject

Rule = Callable[[JsonObject], Iterable[Finding]]

__all__ = ["Finding", "Rule"]
