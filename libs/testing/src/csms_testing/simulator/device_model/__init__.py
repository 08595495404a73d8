"""A station's device model: components and variables (OCPP 2.0.1 Part 1, chapter 4)."""

from csms_testing.simulator.device_model.model import DeviceModel
from csms_testing.simulator.device_model.variable import Variable

__all__ = ["DeviceModel", "Variable"]
