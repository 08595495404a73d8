"""OCPP 1.6: its commands are sent as they are given; what else this service does is not there for it yet."""

from csms_ocpp.versions import Protocol

from csms_device_mgmt.versions.version import DeviceVersion

V16 = DeviceVersion(protocol=Protocol.OCPP16)
