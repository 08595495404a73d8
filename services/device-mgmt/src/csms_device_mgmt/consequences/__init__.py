"""What follows from the outcome of a CALL to a station, by action, whoever sent it."""

from collections.abc import Mapping

from csms_ocpp.versions import Protocol

from csms_device_mgmt.consequences import (
    get_variables,
    installed_certificates,
    job,
    onboarding,
    report,
    reset,
    set_network_profile,
    set_variables,
)
from csms_device_mgmt.consequences.executed import Consequence, both
from csms_device_mgmt.domain.jobs import KIND_OF_ACTION
from csms_device_mgmt.domain.series import BY_ACTION

CONSEQUENCES: Mapping[str, Consequence] = {
    **dict.fromkeys(BY_ACTION, report.apply),
    **dict.fromkeys(KIND_OF_ACTION, job.apply),
    "GetBaseReport": both(report.apply, onboarding.apply),
    "DeleteCertificate": installed_certificates.apply_deletion,
    "GetInstalledCertificateIds": installed_certificates.apply_report,
    "GetVariables": get_variables.apply,
    "Reset": reset.apply,
    "SetNetworkProfile": set_network_profile.apply,
    "SetVariables": both(set_variables.apply, onboarding.apply),
    "TriggerMessage": onboarding.apply,
}
"""OCPP 2.0.1 and 2.1; nothing follows from the outcome of other actions."""


def consequence_of(protocol: str, action: str) -> Consequence | None:
    """Return what follows from an action's outcome, or None. Actions of OCPP 1.6 only share some names."""
    return None if protocol == Protocol.OCPP16 else CONSEQUENCES.get(action)
