"""Rules of log uploads (N01)."""

from collections.abc import Iterator

from csms_ocpp.rules.periods import is_reversed

from csms_device_mgmt.commands.finding import Finding
from csms_device_mgmt.device_model.variable_key import JsonObject


def get_log(payload: JsonObject) -> Iterator[Finding]:
    """N01.FR.01: a period that begins after its end holds no log."""
    if is_reversed(payload["log"], "oldestTimestamp", "latestTimestamp"):
        yield Finding("/log/oldestTimestamp", "the oldest time comes after the latest (N01.FR.01)")
