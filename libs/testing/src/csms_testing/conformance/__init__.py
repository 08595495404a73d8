"""What conformance tests are written with: a scripted station, an operator, the reusable states of the test cases.

A test plays the station step by step on a real socket and asks over HTTP for what a case calls a manual action:

    async with operator.calling(station.station_id, "Reset", {"type": "OnIdle"}) as pending:
        assert await station.reply("Reset", {"status": "Accepted"}) == {"type": "OnIdle"}
    assert pending.response == {"status": "Accepted"}

Every payload is checked by the official schema in both directions; a CALL that no test asked about fails the test.
"""

from csms_testing.conformance.connector import Connector
from csms_testing.conformance.operator import Operator, Pending
from csms_testing.conformance.station import CallRefusedError, Station
from csms_testing.conformance.tokens import Tokens
from csms_testing.conformance.transaction import Transaction

__all__ = ["CallRefusedError", "Connector", "Operator", "Pending", "Station", "Tokens", "Transaction"]
