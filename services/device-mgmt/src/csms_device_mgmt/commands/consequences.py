"""What follows from the outcome of a CALL to a station, by action, whoever sent it."""

from collections.abc import Mapping

from csms_ocpp.versions import Protocol

from csms_device_mgmt.boot import onboarding_result
from csms_device_mgmt.certificates import certificate_signed_result, installed_certificates_result
from csms_device_mgmt.commands.executed import Consequence, each
from csms_device_mgmt.device_model import get_variables_result, set_variables_result
from csms_device_mgmt.jobs import job_result
from csms_device_mgmt.jobs.course import KIND_OF_ACTION
from csms_device_mgmt.reports import report_result
from csms_device_mgmt.reports.series import BY_ACTION
from csms_device_mgmt.security_profile import profile_change_result, set_network_profile_result
from csms_device_mgmt.status import reset_result

CONSEQUENCES: Mapping[str, Consequence] = {
    **dict.fromkeys(BY_ACTION, report_result.apply),
    **dict.fromkeys(KIND_OF_ACTION, job_result.apply),
    "CertificateSigned": certificate_signed_result.apply,
    "GetBaseReport": each(report_result.apply, onboarding_result.apply),
    "DeleteCertificate": installed_certificates_result.apply_deletion,
    "GetInstalledCertificateIds": installed_certificates_result.apply_report,
    "GetVariables": each(get_variables_result.apply, profile_change_result.apply),
    "Reset": each(reset_result.apply, profile_change_result.apply),
    "SetNetworkProfile": each(set_network_profile_result.apply, profile_change_result.apply),
    "SetVariables": each(set_variables_result.apply, onboarding_result.apply, profile_change_result.apply),
    "TriggerMessage": each(onboarding_result.apply, profile_change_result.apply),
}
"""OCPP 2.0.1 and 2.1; nothing follows from the outcome of other actions."""


def consequence_of(protocol: str, action: str) -> Consequence | None:
    """Return what follows from an action's outcome, or None. Actions of OCPP 1.6 only share some names."""
    return None if protocol == Protocol.OCPP16 else CONSEQUENCES.get(action)
