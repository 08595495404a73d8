"""The OCPP versions: one object each, which has all that differs between them. No other module compares versions."""

from collections.abc import Mapping

from csms_ocpp.versions.protocol import Protocol
from csms_ocpp.versions.v16 import V16
from csms_ocpp.versions.v21 import V21
from csms_ocpp.versions.v201 import V201
from csms_ocpp.versions.version import Action, Version

__all__ = ["BUILT", "DEFAULT", "VERSIONS", "Action", "Protocol", "Version"]

VERSIONS: Mapping[Protocol, Version] = {version.protocol: version for version in (V16, V201, V21)}
"""Each version by its subprotocol."""

BUILT: tuple[Protocol, ...] = (Protocol.OCPP21, Protocol.OCPP201, Protocol.OCPP16)
"""The versions that settings may name, the newest first. Others are refused, there and when stations offer them."""

DEFAULT: tuple[Protocol, ...] = (Protocol.OCPP21, Protocol.OCPP201, Protocol.OCPP16)
"""Those that stations may speak where no setting says otherwise, the most wanted first. One that is built and not here
is in work."""
