"""OCPP 2.1: as 2.0.1, but a network profile does not say which version is spoken."""

from dataclasses import replace

from csms_ocpp.versions import Protocol

from csms_device_mgmt.security_profile.change import answered
from csms_device_mgmt.versions.v201 import V201, commands
from csms_device_mgmt.versions.version import ProfileSteps

V21 = replace(
    V201,
    protocol=Protocol.OCPP21,
    profile_steps=ProfileSteps(lambda change: commands.profile_step(change, network_profile_version=None), answered),
)
