import pytest
from csms_device_mgmt import versions
from csms_device_mgmt.boot.boot import Boot
from csms_device_mgmt.commands.checks import violations
from csms_device_mgmt.commands.consequences import CONSEQUENCES, consequence_of
from csms_device_mgmt.consumers import HANDLERS
from csms_device_mgmt.jobs.course import JobKind
from csms_device_mgmt.reports.series import DEVICE_MODEL, MONITORS
from csms_device_mgmt.security_profile.change import Step, Wanted, begun
from csms_device_mgmt.versions.version import Follows
from csms_ocpp.actions import from_csms
from csms_ocpp.versions import VERSIONS, Protocol
from csms_runtime.clock import utcnow

V2 = [versions.of("ocpp2.0.1"), versions.of("ocpp2.1")]
WANTED = Wanted(
    security_profile=2,
    configuration_slot=1,
    ocpp_csms_url="wss://csms.example.com/ocpp",
    message_timeout_s=30,
    ocpp_interface="Wired0",
    network_configuration_priority=(1, 0),
    reset_type="OnIdle",
    new_certificate=False,
)


def test_each_version_there_is_has_one_object():
    assert {version.protocol for version in versions.VERSIONS.values()} == set(Protocol)
    assert all(versions.of(protocol.value).protocol is protocol for protocol in Protocol)


def test_a_station_that_never_connected_counts_as_one_of_2_0_1():
    assert versions.of_station(None) is versions.of("ocpp2.0.1")
    assert versions.of_station("ocpp1.6") is versions.of("ocpp1.6")


def test_an_unknown_subprotocol_has_no_version():
    with pytest.raises(KeyError):
        versions.of("ocpp3")
    assert consequence_of("ocpp3", "Reset") is None


@pytest.mark.parametrize("version", V2, ids=lambda version: version.protocol.value)
def test_its_own_commands_are_valid(version):
    reports, onboarding = version.model_reports, version.onboarding
    element = {"component": {"name": "C"}, "variable": {"name": "V"}}
    change = begun(WANTED, 1, utcnow())
    for request in (
        version.get_variables.request([element]),
        version.set_variables.request([{**element, "attributeValue": "1"}]),
        version.set_password("0123456789abcdef"),
        reports.base(1, "SummaryInventory"),
        reports.chosen(1, ["Problem"], [{"component": {"name": "C"}}]),
        reports.chosen(1, None, None),
        onboarding.inventory(1),
        onboarding.boot,
        *(version.profile_steps.request(change.model_copy(update={"step": step})) for step in Step),
    ):
        if request.action == "SetNetworkProfile" and version.protocol is Protocol.OCPP21:
            assert "ocppVersion" not in request.payload["connectionData"]
        assert violations(version, *request) == []


def test_the_commands_of_1_6_are_valid():
    version = versions.of("ocpp1.6")
    element, change = {"component": {"name": "C"}, "variable": {"name": "V"}}, begun(WANTED, 1, utcnow())
    for request in (
        version.get_variables.request([element]),
        version.set_variables.request([{**element, "attributeValue": "1"}]),
        version.set_password("0123456789abcdef"),
        version.model_reports.base(1, "FullInventory"),
        version.onboarding.inventory(1),
        version.onboarding.boot,
        *(version.profile_steps.request(change.model_copy(update={"step": step})) for step in Step),
    ):
        assert violations(version, *request) == []
    assert version.model_reports.base(1, "SummaryInventory") is None


@pytest.mark.parametrize("version", versions.VERSIONS.values(), ids=lambda version: version.protocol.value)
def test_it_names_only_its_own_commands(version):
    named = [version.rules, version.reports, version.courses, version.follows, version.starts, version.passwords]
    assert all(from_csms(version.protocol, action) for table in named for action in table)


def test_what_may_follow_is_all_carried_out():
    assert set(CONSEQUENCES) == set(Follows)
    assert {what for version in versions.VERSIONS.values() for found in version.follows.values() for what in found} == {
        *Follows
    }


def test_which_command_asks_for_what():
    version = versions.of("ocpp2.0.1")
    assert version.job_request(JobKind.LOG, {"retries": 1}) == ("GetLog", {"retries": 1})
    assert version.report_request(MONITORS, {}) == ("GetMonitoringReport", {})
    assert DEVICE_MODEL not in version.assembled
    assert versions.of("ocpp1.6").report_request(MONITORS, {}) is None


def test_a_boot_is_read_by_its_version():
    payload = {
        "reason": "PowerUp",
        "chargingStation": {"vendorName": "V", "model": "M", "modem": {"iccid": "1"}},
    }
    for version in V2:
        assert version.boots["BootNotification"](payload) == Boot("PowerUp", "V", "M", None, None, "1", None)


def test_of_1_6_every_message_of_stations_is_handled_here_or_by_another_service():
    elsewhere = {"Authorize", "SignCertificate", "MeterValues", "StartTransaction", "StopTransaction"}
    sent = {name for name, action in VERSIONS[Protocol.OCPP16].actions.items() if action.from_station}
    assert {action for protocol, action in HANDLERS if protocol == "ocpp1.6"} == sent - elsewhere
    assert consequence_of("ocpp1.6", "ClearCache") is None
