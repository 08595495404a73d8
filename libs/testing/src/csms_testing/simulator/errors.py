"""Everything the simulator raises.

SimulatorError
├── NotConnected      no connection, or it was lost before the answer came
├── CallTimeout       no answer in time (OCPP-J 4.1: the CALL counts as timed out)
├── CallRefused       the CSMS answered with a CALLERROR
├── SchemaViolation   a payload does not fit the official JSON schema
├── BadFrame          a text that is no OCPP-J message
└── EvseUnavailable   a session cannot take place there
"""

from typing import Any


class SimulatorError(Exception):
    """Base of all errors the simulator raises on purpose."""


class NotConnected(SimulatorError):  # noqa: N818  # reads as what it is where it is caught
    """There is no connection to the CSMS, or it was lost before the answer came."""


class CallTimeout(SimulatorError):  # noqa: N818  # as above
    """The CSMS did not answer in time."""


class CallRefused(SimulatorError):  # noqa: N818  # as above
    """The CSMS answered with a CALLERROR."""

    def __init__(self, code: str, description: str, details: dict[str, Any]) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.details = details


class SchemaViolation(SimulatorError):  # noqa: N818  # as above
    """A payload does not fit the official JSON schema; `code` is the OCPP error code that says how."""

    def __init__(self, code: str, schema: str, message: str) -> None:
        super().__init__(f"{schema}: {message}")
        self.code = code


class BadFrame(SimulatorError):  # noqa: N818  # as above
    """A text that is no OCPP-J message; `message_id` is "-1" when it could not be read."""

    def __init__(self, message_id: str, description: str) -> None:
        super().__init__(description)
        self.message_id = message_id


class EvseUnavailable(SimulatorError):  # noqa: N818  # as above
    """The EVSE or connector does not exist, is in use, out of order, or reserved for somebody else."""
