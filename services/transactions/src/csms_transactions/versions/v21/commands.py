"""OCPP 2.1: writes the commands of this service that 2.0.1 does not have."""

from csms_transactions.versions.version import Command


def web_payment_started(evse_id: int, timeout_s: int) -> Command:
    """Write a NotifyWebPaymentStarted (C25.FR.21)."""
    return Command("NotifyWebPaymentStarted", {"evseId": evse_id, "timeout": timeout_s})
