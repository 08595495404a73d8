"""The tokens the test cases are configured with, new ones for each test."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from csms_testing.conformance.operator import Operator

KIND = "ISO14443"


def id_token(value: str, kind: str = KIND) -> dict[str, Any]:
    """OCPP's IdTokenType."""
    return {"idToken": value, "type": kind}


@dataclass(frozen=True, slots=True)
class Tokens:
    """Values of tokens of type ISO14443."""

    group: str
    """The group of `valid` and `valid_2`."""
    master_group: str
    """The group of `master_pass`."""
    valid: str
    valid_2: str
    blocked: str
    expired: str
    unknown: str
    """Not stored."""
    master_pass: str

    @classmethod
    def unique(cls) -> "Tokens":
        """Values that no other test has."""
        mark = uuid4().hex[:12].upper()
        return cls(
            group=f"GROUP-{mark}",
            master_group=f"MASTER-{mark}",
            valid=f"A{mark}",
            valid_2=f"B{mark}",
            blocked=f"C{mark}",
            expired=f"D{mark}",
            unknown=f"E{mark}",
            master_pass=f"F{mark}",
        )

    async def store(self, operator: Operator) -> None:
        """Create all of them but `unknown`."""
        await asyncio.gather(
            operator.put_token(self.valid, status="Accepted", group_id=self.group),
            operator.put_token(self.valid_2, status="Accepted", group_id=self.group),
            operator.put_token(self.blocked, status="Blocked"),
            operator.put_token(self.expired, status="Accepted", expires_at="2020-01-01T00:00:00Z"),
            operator.put_token(self.master_pass, status="Accepted", group_id=self.master_group),
        )
