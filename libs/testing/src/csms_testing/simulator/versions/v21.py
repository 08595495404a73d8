"""OCPP 2.1: what stations of 2.0.1 say and take, in its forms. Commands that only 2.1 has are answered NotSupported."""

from dataclasses import replace

from csms_testing.simulator.protocol import Protocol
from csms_testing.simulator.schemas import Schemas
from csms_testing.simulator.versions.v201 import V201

V21 = replace(
    V201,
    protocol=Protocol.OCPP21,
    schemas=Schemas("v21", request_suffix="Request"),
    of_monitors={"eventNotificationType": "CustomMonitor"},
)
