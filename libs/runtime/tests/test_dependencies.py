import asyncio
from collections.abc import Callable

from csms_runtime.dependencies import watched
from csms_runtime.health import Health
from prometheus_client import REGISTRY

DEADLINE_S = 5.0


class Store:
    """Answers, fails, or is silent."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.answers.set()
        self.error: Exception | None = None
        self.asked = 0

    async def ping(self) -> None:
        self.asked += 1
        await self.answers.wait()
        if self.error is not None:
            raise self.error


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not check():  # noqa: ASYNC110 health tells nobody
            await asyncio.sleep(0.005)


def seconds() -> float | None:
    return REGISTRY.get_sample_value("csms_dependency_answer_seconds", {"dependency": "store"})


async def test_a_silent_dependency_is_told_while_it_is_silent() -> None:
    health, store = Health(), Store()
    health.set("own", ok=True)
    async with watched("store", store.ping, health, interval_s=0.01, deadline_s=0.05):
        await until(lambda: health.status == "ready" and "store" in health.components())
        store.answers.clear()
        await until(lambda: health.status == "degraded")
        assert health.components()["store"].detail == "no answer for 0.05 s"
        before = seconds() or 0.0
        await until(lambda: (seconds() or 0.0) > before)
        asked = store.asked
        store.answers.set()
        await until(lambda: health.status == "ready" and store.asked > asked)
    assert seconds() is None
    assert "store" not in health.components()


async def test_what_stands_against_it_is_told() -> None:
    health, store = Health(), Store()
    health.set("own", ok=True)
    async with watched("store", store.ping, health, interval_s=0.01):
        store.error = OSError("connection refused")
        await until(lambda: health.status == "degraded")
        assert health.components()["store"].detail == "connection refused"
        store.error = None
        await until(lambda: health.status == "ready")


async def test_it_ends_while_a_question_is_open() -> None:
    store = Store()
    store.answers.clear()
    async with asyncio.timeout(DEADLINE_S), watched("store", store.ping, Health(), interval_s=0.01):
        await until(lambda: store.asked == 1)
