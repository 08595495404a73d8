"""OCPP 1.6 with the security whitepaper."""

from csms_ocpp.versions import Protocol

from csms_device_mgmt.versions.v16 import commands, configuration, messages
from csms_device_mgmt.versions.v16.keys import AUTHORIZATION_KEY
from csms_device_mgmt.versions.v16.rules import RULES
from csms_device_mgmt.versions.version import DeviceVersion, ModelReports, Onboarding, ProfileSteps

V16 = DeviceVersion(
    protocol=Protocol.OCPP16,
    boots={"BootNotification": messages.boot},
    statuses={"StatusNotification": messages.status},
    told=messages.TOLD,
    recorded=messages.RECORDED,
    rules=RULES,
    courses=messages.COURSES,
    jobs=commands.JOBS,
    follows=commands.FOLLOWS,
    starts={"RemoteStartTransaction": commands.start},
    passwords={"ChangeConfiguration": commands.passwords},
    password=AUTHORIZATION_KEY,
    offered_profiles={"ChangeConfiguration": commands.offered_profile},
    availability_orders={"ChangeAvailability": commands.availability_order},
    certificates=commands.certificates,
    is_model_report=configuration.is_inventory,
    model_entries=configuration.entries,
    get_variables=configuration.GET_CONFIGURATION,
    set_variables=configuration.CHANGE_CONFIGURATION,
    set_password=commands.set_password,
    password_taken=commands.password_taken,
    model_reports=ModelReports(configuration.base_report, lambda _request_id, _criteria, _variables: None),
    onboarding=Onboarding(
        configuration.inventory, configuration.CHANGE_CONFIGURATION, commands.TRIGGER_BOOT, is_at_once=True
    ),
    profile_steps=ProfileSteps(commands.profile_step, commands.profile_answered, has_network_profiles=False),
)
