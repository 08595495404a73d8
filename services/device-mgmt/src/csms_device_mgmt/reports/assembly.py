"""Assembling a report from the messages it comes in (B07, B08, K09, N02, N09, O03)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

MISSING_SHOWN = 100
"""How many missing parts are named at most: a seqNo is the station's word and may be anything."""


class ReportStatus(StrEnum):
    """Where a report stands."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    RECEIVING = "receiving"
    COMPLETE = "complete"
    EMPTY = "empty"
    NOT_SUPPORTED = "not_supported"
    REJECTED = "rejected"
    FAILED = "failed"


CLOSED = frozenset({ReportStatus.EMPTY, ReportStatus.NOT_SUPPORTED, ReportStatus.REJECTED, ReportStatus.FAILED})
"""No part will follow."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """What has arrived of a report."""

    parts: int
    expected: int | None
    """How many parts there are; None while the last one has not arrived."""
    missing: tuple[int, ...]
    """The first seqNos, up to the highest known, that have not arrived."""

    @property
    def complete(self) -> bool:
        """Whether every part is there."""
        return self.expected is not None and self.parts >= self.expected


def assemble(parts: Iterable[tuple[int, bool]]) -> Assembly:
    """Judge a report by the (seqNo, tbc) of its parts, in any order; repeats count once.

    The part that is not "to be continued" is the last one. Numbers start at 0 (B07.FR.10).
    """
    tbc_of = dict(parts)
    last = max((seq_no for seq_no, tbc in tbc_of.items() if not tbc), default=None)
    highest = last if last is not None else max(tbc_of, default=-1)
    missing = (seq_no for seq_no in range(highest + 1) if seq_no not in tbc_of)
    present = sum(1 for seq_no in tbc_of if 0 <= seq_no <= highest)
    return Assembly(present, None if last is None else last + 1, tuple(islice(missing, MISSING_SHOWN)))


_BY_RESPONSE = {
    "Accepted": ReportStatus.ACCEPTED,
    "Rejected": ReportStatus.REJECTED,
    "NotSupported": ReportStatus.NOT_SUPPORTED,
    "EmptyResultSet": ReportStatus.EMPTY,
    "NoProfiles": ReportStatus.EMPTY,  # GetChargingProfiles
    "Unknown": ReportStatus.EMPTY,  # GetDisplayMessages
    "NotFound": ReportStatus.EMPTY,  # GetDERControl
    "Invalid": ReportStatus.REJECTED,  # CustomerInformation
}


def after_response(current: ReportStatus, response_status: str | None) -> ReportStatus:
    """Return a report's status after the answer to what asked for it; None: there was no answer with a status.

    Parts may be handled before the answer: what they made of the report is kept.
    """
    if current not in {ReportStatus.REQUESTED, ReportStatus.FAILED}:
        return current
    return _BY_RESPONSE.get(response_status or "", ReportStatus.FAILED)


def after_part(assembly: Assembly) -> ReportStatus:
    """Return a report's status after a part of it arrived."""
    return ReportStatus.COMPLETE if assembly.complete else ReportStatus.RECEIVING
