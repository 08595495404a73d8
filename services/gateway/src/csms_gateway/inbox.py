"""Receives what is for this gateway: answers, commands, requests to close. Reads one partition of `gateway.inbox`."""

from collections.abc import Callable, Mapping

import structlog
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import Reply
from csms_bus.requests import Requester
from csms_runtime import metrics

from csms_gateway.command_router import CommandRouter
from csms_gateway.station_call_router import StationCallRouter

_log = structlog.get_logger(__name__)


class InboxRouter:
    """Gives each record to the part of the gateway that it is for. Late and unknown records are counted and dropped."""

    def __init__(self, requester: Requester, calls: StationCallRouter, commands: CommandRouter) -> None:
        self._calls = calls
        self._handlers: Mapping[str, Callable[[Record], bool]] = {
            "connection_decision": requester.deliver,
            "reply": lambda record: calls.on_reply(record.reply),
            "station_command": commands.on_command,
            "close_connection": commands.on_close,
        }

    def __call__(self, record: Record) -> None:
        """Take one record; never blocks."""
        body = record.WhichOneof("body") or "none"
        if body == "replies":
            for reply in record.replies.replies:
                self._take_one_of_several(reply)
            return
        handler = self._handlers.get(body)
        result = "unexpected" if handler is None else "handled" if handler(record) else "late"
        metrics.GATEWAY_INBOX.labels(body, result).inc()
        if result != "handled":
            _log.info("record dropped", body=body, result=result, station_id=record.station_id)

    def _take_one_of_several(self, reply: Reply) -> None:
        try:
            result = "handled" if self._calls.on_reply(reply) else "late"
        except Exception:  # noqa: BLE001 the others' stations wait for their answers
            _log.exception("answer failed", correlation_id=reply.correlation_id)
            result = "failed"
        metrics.GATEWAY_INBOX.labels("reply", result).inc()
        if result == "late":
            _log.info("record dropped", body="reply", result=result)
