import asyncio

from csms_bus.examples import example
from csms_bus.kafka_rights import Rights
from csms_bus.ports import BusError, BusUnavailable, NotAuthorized, Outgoing

Told = tuple[bool, str]


def published(rights: Rights, **outcomes: BusError | None) -> None:
    records = [Outgoing(topic, example("audit", "audit_entry")) for topic in outcomes]
    failures = {position: error for position, error in enumerate(outcomes.values()) if error is not None}
    rights.published(records, failures)


async def test_what_is_refused_is_told_until_it_is_let_through() -> None:
    told: list[Told] = []
    rights = Rights("csms-gateway", lambda ok, detail: told.append((ok, detail)))
    published(rights, one=None, two=BusUnavailable("no leader"))
    assert told == []
    published(rights, one=NotAuthorized("one"), two=None)
    published(rights, one=NotAuthorized("one"))
    published(rights, three=NotAuthorized("three"))
    published(rights, one=None)
    published(rights, three=None)
    published(rights, three=None)
    text = "Kafka has no ACL for csms-gateway to write to "
    assert told == [(False, text + "one"), (False, text + "one, three"), (False, text + "three"), (True, "")]


async def test_one_that_nobody_asks_any_more_counts_as_healthy() -> None:
    told: asyncio.Queue[Told] = asyncio.Queue()
    rights = Rights("csms-gateway", lambda ok, detail: told.put_nowait((ok, detail)), again_s=0.01)
    published(rights, one=NotAuthorized("one"))
    assert [(await told.get())[0] for _ in range(2)] == [False, True]
