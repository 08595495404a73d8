"""The OCPP versions that device management knows: one object each. No other module looks which version it is."""

from collections.abc import Mapping

from csms_device_mgmt.versions.v16 import V16
from csms_device_mgmt.versions.v21 import V21
from csms_device_mgmt.versions.v201 import ONBOARDING as ONBOARDING_201
from csms_device_mgmt.versions.v201 import V201
from csms_device_mgmt.versions.version import DeviceVersion

VERSIONS: Mapping[str, DeviceVersion] = {version.protocol.value: version for version in (V16, V201, V21)}
"""Each version by its subprotocol."""
ASSUMED = V201
"""The version of a station that has not connected yet."""
ONBOARDING = ONBOARDING_201
"""How such a station is onboarded, as far as is known."""


def of(protocol: str) -> DeviceVersion:
    """Return the version of a subprotocol. Raises KeyError: gateways accept no other."""
    return VERSIONS[protocol]


def of_station(protocol: str | None) -> DeviceVersion:
    """Return the version that a station spoke last, by the subprotocol in its row. Raises KeyError as `of`."""
    return VERSIONS[protocol] if protocol else ASSUMED
