"""Rules of display messages (O01)."""

from collections.abc import Iterator

from csms_ocpp.rules.periods import is_reversed

from csms_device_mgmt.commands.finding import Finding
from csms_device_mgmt.device_model.variable_key import JsonObject


def set_display_message(payload: JsonObject) -> Iterator[Finding]:
    """O01.FR.07: a message is shown from its start to its end."""
    if is_reversed(payload["message"], "startDateTime", "endDateTime"):
        yield Finding("/message/endDateTime", "the end comes before the start (O01.FR.07)")
