"""Frames in the log, at level debug only, without secrets."""

import logging

import structlog
from csms_ocpp.errors import OcppError
from csms_ocpp.frames import Call, CallResult, Frame, Send
from csms_ocpp.parsing import parse
from csms_ocpp.redaction import redact
from csms_ocpp.versions import VERSIONS, Protocol

_log = structlog.get_logger(__name__)
_root = logging.getLogger()
"""Has the configured level, as our own loggers do."""


def frames_are_logged() -> bool:
    """Whether level debug is on. To ask for each frame costs too much: ask once for each connection."""
    return _root.isEnabledFor(logging.DEBUG)


def log_frame(event: str, station_id: str, protocol: Protocol, text: str | bytes) -> None:
    """Log a frame; call it only when `frames_are_logged`. What cannot be parsed is not shown."""
    try:
        frame = parse(text, VERSIONS[protocol])
    except OcppError:
        _log.debug(event, station_id=station_id, frame="unreadable", size=len(text))
        return
    _log.debug(event, station_id=station_id, frame=type(frame).__name__, **_facts(frame, protocol))


def _facts(frame: Frame, protocol: Protocol) -> dict[str, object]:
    match frame:
        case Call() | Send():
            payload = redact(protocol, frame.action, frame.payload)
            return {"message_id": frame.message_id, "action": frame.action, "payload": payload}
        case CallResult():
            return {"message_id": frame.message_id, "payload": redact(protocol, "", frame.payload)}
    # The description is left out: the station may repeat in it what was wrong, and that may be a secret.
    return {"message_id": frame.message_id, "code": frame.code}
