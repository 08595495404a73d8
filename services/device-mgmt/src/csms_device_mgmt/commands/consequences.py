"""What follows from the outcome of a CALL to a station, whoever sent it."""

from collections.abc import Mapping

from csms_device_mgmt import versions
from csms_device_mgmt.battery_swap import swap_result
from csms_device_mgmt.boot import onboarding_result
from csms_device_mgmt.certificates import certificate_signed_result, installed_certificates_result
from csms_device_mgmt.commands.executed import Consequence, each
from csms_device_mgmt.der import control_result
from csms_device_mgmt.device_model import get_variables_result, model_told_result, set_variables_result
from csms_device_mgmt.event_streams import stream_result
from csms_device_mgmt.jobs import job_result
from csms_device_mgmt.reports import report_result
from csms_device_mgmt.security_profile import profile_change_result, set_network_profile_result
from csms_device_mgmt.smart_charging import dynamic_schedule_result
from csms_device_mgmt.status import availability_result, reset_result
from csms_device_mgmt.versions.version import Follows

CONSEQUENCES: Mapping[Follows, Consequence] = {
    Follows.REPORT: report_result.apply,
    Follows.JOB: job_result.apply,
    Follows.ONBOARDING: onboarding_result.apply,
    Follows.PROFILE_CHANGE: profile_change_result.apply,
    Follows.CERTIFICATE: certificate_signed_result.apply,
    Follows.CERTIFICATES_TOLD: installed_certificates_result.apply_report,
    Follows.CERTIFICATE_DELETED: installed_certificates_result.apply_deletion,
    Follows.VARIABLES_TOLD: get_variables_result.apply,
    Follows.VARIABLES_SET: set_variables_result.apply,
    Follows.MODEL_TOLD: model_told_result.apply,
    Follows.NETWORK_PROFILE: set_network_profile_result.apply,
    Follows.RESET: reset_result.apply,
    Follows.AVAILABILITY: availability_result.apply,
    Follows.DYNAMIC_SCHEDULE: dynamic_schedule_result.apply,
    Follows.DER_CONTROLS: control_result.apply,
    Follows.BATTERY_SWAP: swap_result.apply,
    Follows.MONITORS_SET: stream_result.apply_monitors,
    Follows.EVENT_STREAMS: stream_result.apply_streams,
}


def consequence_of(protocol: str, action: str) -> Consequence | None:
    """Return what follows from an action's outcome, or None. Actions of other versions only share some names."""
    version = versions.VERSIONS.get(protocol)
    found = version.follows.get(action) if version is not None else None
    return each(*(CONSEQUENCES[what] for what in found)) if found else None
