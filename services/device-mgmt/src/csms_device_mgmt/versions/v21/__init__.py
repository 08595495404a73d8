"""OCPP 2.1: as 2.0.1, with more messages of stations, and rules of more commands."""

from dataclasses import replace
from functools import partial

from csms_ocpp.versions import Protocol

from csms_device_mgmt.security_profile.change import answered
from csms_device_mgmt.versions.v21 import commands, messages
from csms_device_mgmt.versions.v21.rules import RULES
from csms_device_mgmt.versions.v201 import V201
from csms_device_mgmt.versions.v201 import commands as commands_201
from csms_device_mgmt.versions.version import ProfileSteps

V21 = replace(
    V201,
    protocol=Protocol.OCPP21,
    told=messages.TOLD,
    recorded=messages.RECORDED,
    recorded_with=messages.RECORDED_WITH,
    rules=RULES,
    reports=commands.REPORTS,
    follows=commands.FOLLOWS,
    profiles_set=commands.PROFILES_SET,
    schedule_changes=commands.SCHEDULE_CHANGES,
    control_changes=commands.CONTROL_CHANGES,
    stream_changes=commands.STREAM_CHANGES,
    passwords={**V201.passwords, "SetNetworkProfile": commands.network_profile_passwords},
    # The station says itself, when it connects, which version it speaks.
    profile_steps=ProfileSteps(partial(commands_201.profile_step, network_profile_version=None), answered),
)
