"""The OCPP versions that stations can speak: one object each, which has all that differs between them."""

from collections.abc import Mapping

from csms_testing.simulator.protocol import Protocol
from csms_testing.simulator.versions.v16 import V16
from csms_testing.simulator.versions.v21 import V21
from csms_testing.simulator.versions.v201 import V201
from csms_testing.simulator.versions.version import SimulatedVersion

__all__ = ["VERSIONS", "Protocol", "SimulatedVersion"]

VERSIONS: Mapping[Protocol, SimulatedVersion] = {version.protocol: version for version in (V16, V201, V21)}
"""Each version by its subprotocol."""
