"""Wrong keys come to nothing slowly; right ones always pass."""

from collections.abc import Callable

import httpx2
import pytest
from csms_runtime.http import guesses
from csms_runtime.http.guesses import Guesses


def test_some_cost_nothing_and_are_forgotten() -> None:
    found = Guesses()
    assert [found.failed("10.0.0.1", 0.0) for _ in range(20)] == [0] * 20
    assert [found.failed("10.0.0.1", 0.0) for _ in range(3)] == [3, 6, 9]
    assert found.failed("10.0.0.2", 0.0) == 0
    assert found.failed("10.0.0.1", 1000.0) == 0
    assert [found.failed("10.0.0.3", 0.0) for _ in range(1000)][-1] == 60


def test_addresses_of_one_subscriber_are_one() -> None:
    found = Guesses()
    for number in range(20):
        found.failed(f"2001:db8::{number:x}", 0.0)
    assert found.failed("2001:db8::ffff", 0.0) > 0
    assert found.failed("2001:db8:0:1::1", 0.0) == 0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "_MOST_COUNTED", 10)
    found = Guesses()
    for number in range(100):
        found.failed(f"10.0.0.{number}", 0.0)
    assert len(found._counts) == 10


def test_few_refusals_wait_at_a_time() -> None:
    found = Guesses()
    assert found.begin_delay(0) == 0.0
    delays = [found.begin_delay(60) for _ in range(100)]
    assert (delays[0], delays[-1], sum(delay > 0 for delay in delays)) == (2.0, 0.0, 50)
    found.end_delay()
    assert found.begin_delay(3) == pytest.approx(0.1)


async def test_guesses_are_answered_429_and_the_right_key_passes_all_the_time(
    client_as: Callable[[str], httpx2.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "_DELAY_STEP_S", 0.001)
    async with client_as("wrong") as wrong, client_as("read-key") as right:
        statuses = []
        for _ in range(25):
            answer = await wrong.get("/api/v1/things")
            statuses.append(answer.status_code)
            assert (await right.get("/api/v1/things")).status_code == 200
        assert statuses == [401] * 20 + [429] * 5
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["content-type"] == "application/problem+json"


async def test_who_sends_no_key_guesses_nothing(client_as: Callable[[str], httpx2.AsyncClient]) -> None:
    async with client_as("x") as client:
        del client.headers["Authorization"]
        assert {(await client.get("/api/v1/things")).status_code for _ in range(30)} == {401}
