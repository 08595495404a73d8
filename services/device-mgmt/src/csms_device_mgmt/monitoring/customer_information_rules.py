"""Rules of questions about a customer (N09, N10)."""

from collections.abc import Iterator

from csms_device_mgmt.commands.finding import Finding
from csms_device_mgmt.device_model.variable_key import JsonObject


def customer_information(payload: JsonObject) -> Iterator[Finding]:
    """N09.FR.04, N10.FR.08: one customer reference, and something to do about it."""
    references = [name for name in ("idToken", "customerCertificate", "customerIdentifier") if name in payload]
    if len(references) != 1:
        yield Finding("", "exactly one of idToken, customerCertificate, customerIdentifier is needed (N09.FR.04)")
    if not payload["report"] and not payload["clear"]:
        yield Finding("/report", "report and clear cannot both be false (N09.FR.07)")
