"""OCPP 2.1: its stations get commands, which are those of 2.0.1; their messages are not read yet."""

from dataclasses import replace

from csms_ocpp.versions import Protocol

from csms_transactions.versions.v201 import V201

V21 = replace(V201, protocol=Protocol.OCPP21, events={}, meter_values={})
