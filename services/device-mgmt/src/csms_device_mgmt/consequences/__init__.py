"""What follows from the outcome of a CALL to a station, by action, whoever sent it."""

from collections.abc import Mapping

from csms_ocpp.versions import Protocol

from csms_device_mgmt.consequences import (
    certificate_signed,
    get_variables,
    installed_certificates,
    job,
    onboarding,
    profile_change,
    report,
    reset,
    set_network_profile,
    set_variables,
)
from csms_device_mgmt.consequences.executed import Consequence, each
from csms_device_mgmt.domain.jobs import KIND_OF_ACTION
from csms_device_mgmt.domain.series import BY_ACTION

CONSEQUENCES: Mapping[str, Consequence] = {
    **dict.fromkeys(BY_ACTION, report.apply),
    **dict.fromkeys(KIND_OF_ACTION, job.apply),
    "CertificateSigned": certificate_signed.apply,
    "GetBaseReport": each(report.apply, onboarding.apply),
    "DeleteCertificate": installed_certificates.apply_deletion,
    "GetInstalledCertificateIds": installed_certificates.apply_report,
    "GetVariables": each(get_variables.apply, profile_change.apply),
    "Reset": each(reset.apply, profile_change.apply),
    "SetNetworkProfile": each(set_network_profile.apply, profile_change.apply),
    "SetVariables": each(set_variables.apply, onboarding.apply, profile_change.apply),
    "TriggerMessage": each(onboarding.apply, profile_change.apply),
}
"""OCPP 2.0.1 and 2.1; nothing follows from the outcome of other actions."""


def consequence_of(protocol: str, action: str) -> Consequence | None:
    """Return what follows from an action's outcome, or None. Actions of OCPP 1.6 only share some names."""
    return None if protocol == Protocol.OCPP16 else CONSEQUENCES.get(action)
