"""What a rule is, and what it finds."""

from collections.abc import Callable, Iterable

from csms_ocpp.rules.finding import Finding

from csms_device_mgmt.domain.device_model import JsonObject

Rule = Callable[[JsonObject], Iterable[Finding]]

__all__ = ["Finding", "Rule"]
