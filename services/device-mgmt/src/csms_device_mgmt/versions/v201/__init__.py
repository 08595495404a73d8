"""OCPP 2.0.1; 2.1 differs in little."""

from functools import partial

from csms_ocpp.versions import Protocol

from csms_device_mgmt.device_model.variable_key import BASIC_AUTH_PASSWORD
from csms_device_mgmt.reports.series import BY_ACTION
from csms_device_mgmt.security_profile.change import answered
from csms_device_mgmt.security_profile.offered_passwords import offered
from csms_device_mgmt.security_profile.profiles import of_network_profile
from csms_device_mgmt.versions.v201 import commands, messages
from csms_device_mgmt.versions.v201.rules import RULES
from csms_device_mgmt.versions.version import DeviceVersion, ModelReports, Onboarding, ProfileSteps, Request

ONBOARDING = Onboarding(commands.inventory, commands.SET_VARIABLES, commands.TRIGGER_BOOT)

V201 = DeviceVersion(
    protocol=Protocol.OCPP201,
    boots={"BootNotification": messages.boot},
    statuses={"StatusNotification": messages.status},
    told=messages.TOLD,
    recorded=messages.RECORDED,
    rules=RULES,
    reports=BY_ACTION,
    courses=messages.COURSES,
    follows=commands.FOLLOWS,
    starts={"RequestStartTransaction": commands.start},
    passwords={"SetVariables": lambda payload: offered(commands.SET_VARIABLES.elements(payload), BASIC_AUTH_PASSWORD)},
    password=BASIC_AUTH_PASSWORD,
    offered_profiles={"SetNetworkProfile": of_network_profile},
    availability_orders={"ChangeAvailability": commands.availability_order},
    certificates=commands.certificates,
    jobs={course.kind: partial(Request, action) for action, course in messages.COURSES.items()},
    get_variables=commands.GET_VARIABLES,
    set_variables=commands.SET_VARIABLES,
    set_password=commands.set_password,
    password_taken=commands.password_taken,
    model_reports=ModelReports(commands.base_report, commands.chosen_report),
    onboarding=ONBOARDING,
    profile_steps=ProfileSteps(
        lambda change: commands.profile_step(change, network_profile_version="OCPP20"), answered
    ),
)
