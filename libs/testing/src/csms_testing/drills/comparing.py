"""What stations and people know to have been acknowledged, beside what is stored and what was told others."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from csms_testing.drills.ledger import Token, Told, WatchedLedger
from csms_testing.drills.stored import Stored
from csms_testing.drills.told import DomainEvents
from csms_testing.simulator import State

_SHOWN = 3
_NEARLY_WH = 0.2
"""Two registers, each rounded to a tenth."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What was acknowledged to stations and to who called the API."""

    ledger: WatchedLedger
    groups: Mapping[Token, Token | None] = field(default_factory=dict)
    """Token → its group."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """Call id → outcome, of commands that a station answered."""
    notices: set[str] = field(default_factory=set)
    """Texts of security events."""
    notices_sent: set[str] = field(default_factory=set)
    """Of those that were sent, answered or not."""

    def is_stored(self, stored: Stored) -> bool:
        """Whether all is there that is stored after it was acknowledged, and no call is open."""
        return (
            self.ledger.acknowledged_keys() <= stored.events.keys()
            and self.ledger.acknowledged_meter_values() <= stored.meter_values.keys()
            and self.notices <= stored.notices.keys()
            and not _open_calls(stored)
        )


Comparison = Callable[[Acknowledged, Stored], str | None]


def differences(acknowledged: Acknowledged, stored: Stored, told: DomainEvents | None) -> list[str]:
    """Return what does not agree, in words. `told`: None where nobody can read what was told."""
    found = [compare(acknowledged, stored) for compare in COMPARISONS]
    if told is not None:
        found += [
            _told_once("started", told.started, acknowledged.ledger, again=told.restored),
            _told_once("ended", told.ended, acknowledged.ledger, again=told.restored),
            _told_as_stored(told, stored),
            _told_notices(told, acknowledged, again=told.restored),
        ]
    return list(filter(None, found))


def _some(items: Iterable[object]) -> str:
    return ", ".join(map(str, sorted(items, key=str)[:_SHOWN]))


def _report(what: str, found: Iterable[object]) -> str | None:
    wrong = list(found)
    return f"{len(wrong)} {what}: {_some(wrong)}" if wrong else None


def _lost(known: Acknowledged, stored: Stored) -> str | None:
    return _report("acknowledged events are not stored", known.ledger.acknowledged_keys() - stored.events.keys())


def _doubled(_: Acknowledged, stored: Stored) -> str | None:
    return _report("events are stored more than once", [key for key, count in stored.events.items() if count > 1])


def _invented(known: Acknowledged, stored: Stored) -> str | None:
    return _report("stored events were never sent", stored.events.keys() - known.ledger.sent_keys())


def _undelivered(known: Acknowledged, _: Stored) -> str | None:
    left = [entry for entry in known.ledger if entry.state is not State.ACKNOWLEDGED]
    return _report("events were not acknowledged in the end", left)


def _changed(known: Acknowledged, stored: Stored) -> str | None:
    sent: dict[tuple[str, str, int | None], str] = {
        (entry.station_id, entry.transaction_id, entry.seq_no): entry.payload_hash for entry in known.ledger
    }
    changed = [key for key, value in stored.hashes.items() if key in sent and sent[key] != value]
    return _report("events are stored with other content", changed)


def _derived(known: Acknowledged, stored: Stored) -> str | None:
    wrong = []
    for key, seq_nos in known.ledger.transactions().items():
        row = stored.transactions.get(key)
        expected: tuple[object, ...] = ("Ended", len(seq_nos), seq_nos[-1], [])
        if row is None or (row["state"], row["event_count"], row["last_seq_no"], orjson.loads(row["gaps"])) != expected:
            wrong.append((key, expected, row))
    return _report("transactions are derived wrongly", wrong)


def _energy(known: Acknowledged, stored: Stored) -> str | None:
    wrong = [
        (key, told.energy_wh, row["energy_wh"])
        for key, told, row in _transactions(known, stored)
        if told.energy_wh is not None and not _near(told.energy_wh, row["energy_wh"])
    ]
    return _report("transactions have another energy", wrong)


def _tokens(known: Acknowledged, stored: Stored) -> str | None:
    wrong = []
    for key, told, row in _transactions(known, stored):
        group = None if told.token is None else known.groups.get(told.token)
        expected = (told.token, told.stop_token, group)
        found = (_token(row, "id_token"), _token(row, "stop_id_token"), _token(row, "group_id_token"))
        if found != expected:
            wrong.append((key, expected, found))
    return _report("transactions have other tokens or another group", wrong)


def _transactions(known: Acknowledged, stored: Stored) -> Iterable[tuple[tuple[str, str], Told, dict[str, Any]]]:
    for key, told in known.ledger.told.items():
        row = stored.transactions.get(key)
        if row is not None:  # else it is missed already
            yield key, told, row


def _token(row: dict[str, Any], name: str) -> Token | None:
    return None if row[name] is None else (row[name], row[f"{name}_type"])


def _near(expected: float, found: float | None) -> bool:
    return found is not None and abs(expected - found) < _NEARLY_WH


def _open_calls(stored: Stored) -> list[str]:
    return [call_id for call_id, (state, _) in stored.calls.items() if state != "completed"]


def _calls(known: Acknowledged, stored: Stored) -> str | None:
    wrong = [
        (call_id, outcome, stored.calls.get(call_id))
        for call_id, outcome in known.answers.items()
        if stored.calls.get(call_id) != ("completed", outcome)
    ]
    return _report("calls that were answered are stored otherwise", wrong)


def _left_open(_: Acknowledged, stored: Stored) -> str | None:
    return _report("calls are open still", _open_calls(stored))


def _notices(known: Acknowledged, stored: Stored) -> str | None:
    return _report("acknowledged notifications are not stored", known.notices - stored.notices.keys())


def _odd_notices(known: Acknowledged, stored: Stored) -> str | None:
    odd = [text for text, count in stored.notices.items() if count > 1 or text not in known.notices_sent]
    return _report("notifications are stored more than once, or were never sent", odd)


def _lost_meter_values(known: Acknowledged, stored: Stored) -> str | None:
    lost = known.ledger.acknowledged_meter_values() - stored.meter_values.keys()
    return _report("acknowledged meter values are not stored", lost)


def _doubled_meter_values(_: Acknowledged, stored: Stored) -> str | None:
    found = [key for key, count in stored.meter_values.items() if count > 1]
    return _report("meter values are stored more than once", found)


def _polite(known: Acknowledged, _: Stored) -> str | None:
    return _report("breaches of the protocol by the CSMS", known.ledger.violations)


COMPARISONS: tuple[Comparison, ...] = (
    _lost,
    _doubled,
    _invented,
    _undelivered,
    _changed,
    _lost_meter_values,
    _doubled_meter_values,
    _derived,
    _energy,
    _tokens,
    _calls,
    _left_open,
    _notices,
    _odd_notices,
    _polite,
)


def _told_once(
    what: str, counts: Counter[tuple[str, str]], ledger: WatchedLedger, *, again: bool = False
) -> str | None:
    """`again`: whether things may have been told more than once."""
    wrong = [
        (key, counts[key])
        for key in ledger.told.keys() | counts.keys()
        if not counts[key] or (counts[key] > 1 and not again) or key not in ledger.told
    ]
    return _report(f"transactions were not told once to have {what}", wrong)


def _told_as_stored(told: DomainEvents, stored: Stored) -> str | None:
    wrong = []
    for key, row in stored.transactions.items():
        last = told.newest.get(key)
        if last is None:
            continue  # it is missed already
        energy = last.energy_wh if last.HasField("energy_wh") else None
        found = (last.state, energy, last.id_token, last.event_count)
        expected = (row["state"], row["energy_wh"], row["id_token"] or "", row["event_count"])
        if found != expected:
            wrong.append((key, expected, found))
    return _report("transactions were told otherwise than they are stored", wrong)


def _told_notices(told: DomainEvents, known: Acknowledged, *, again: bool = False) -> str | None:
    """`again`: as for `_told_once`."""
    more = set() if again else {text for text, count in told.notices.items() if count > 1}
    wrong = known.notices - told.notices.keys() | more
    return _report("notifications were not told once", wrong)
