"""Telling transactions of remote starts that are asked for as calls, before they are sent (F01, F02).

Transactions knows what comes of its own requests: the token of a transaction that does not repeat it, and tokens of
type Central, which only the request makes good. So it must know of these, too, before the station answers.
"""

import structlog
from csms.v1.station_pb2 import RemoteStart
from csms_bus.ports import BusUnavailable, Outgoing
from csms_bus.records import new_record
from csms_bus.requests import NoAnswer, Requester
from csms_bus.topics import TRANSACTIONS_STARTS
from csms_runtime.clock import now_ms

from csms_device_mgmt import versions
from csms_device_mgmt.commands.command import Command
from csms_device_mgmt.redacted import redacted
from csms_device_mgmt.versions.version import Start

WAIT_S = 2.0
"""How long a command waits for it to be noted: while transactions is away, stations are started all the same."""
_INT32 = range(-(2**31), 2**31)

_log = structlog.get_logger(__name__)


class RemoteStarts:
    """Tells of remote starts. Safe for use by many tasks."""

    def __init__(self, requester: Requester) -> None:
        self._requester = requester

    async def tell(self, command: Command) -> None:
        """Have a remote start noted. Returns when it is, or after 2 seconds; raises nothing.

        Ids beyond 32 bits are no station's: such a request is not noted.
        """
        shown = redacted(command.protocol, command.action, command.payload)
        start = versions.of(command.protocol).starts[command.action](shown)
        if not all(value in _INT32 for value in (start.remote_start_id, start.evse_id)):
            return
        correlation_id = self._requester.new_correlation_id()
        body = self._body(command, start)
        body.correlation_id = correlation_id
        question = Outgoing(TRANSACTIONS_STARTS.name, new_record(command.station_id, remote_start=body))
        try:
            await self._requester.ask(question, correlation_id, WAIT_S)
        except (NoAnswer, BusUnavailable) as error:
            _log.warning("remote start not noted", station_id=command.station_id, reason=str(error))

    def _body(self, command: Command, start: Start) -> RemoteStart:
        return RemoteStart(
            reply_to=self._requester.reply_to,
            deadline_ms=now_ms() + int(WAIT_S * 1000),
            call_id=command.call_id,
            remote_start_id=start.remote_start_id,
            evse_id=start.evse_id,
            id_token=start.id_token,
            id_token_type=start.id_token_type,
            requested_at_ms=now_ms(),
            action=command.action,
        )
