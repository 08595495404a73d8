"""A POST with an Idempotency-Key acts once, for its caller, at its path."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from csms_runtime.health import Health
from csms_runtime.http import ApiKeys, CurrentPrincipal, Principal, Problem, create_app, require
from csms_runtime.http.idempotency import MOST_KEPT_BYTES, Answer, Earlier, IdempotencyKey, once, per_caller
from fastapi import APIRouter, Response, Security
from pydantic import BaseModel

KEY = {"Idempotency-Key": "k"}
Client = Callable[[str], httpx2.AsyncClient]


class Memory:
    """Answers that a process keeps for itself."""

    def __init__(self) -> None:
        self.requests: dict[str, bytes] = {}
        self.answers: dict[str, Answer] = {}
        self.fails = False

    async def begin(self, name: str, request: bytes) -> Earlier | None:
        if name not in self.requests:
            self.requests[name] = request
            return None
        return Earlier(self.requests[name] == request, self.answers.get(name))

    async def keep(self, name: str, answer: Answer) -> None:
        if self.fails:
            raise OSError("the disk is full")
        self.answers[name] = answer

    async def forget(self, name: str) -> None:
        del self.requests[name]


class Body(BaseModel):
    size: int = 0


class Acts:
    """What the routes did, by path."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.status, self.nothing_done = 409, False
        self.started, self.proceed = asyncio.Event(), asyncio.Event()
        router = APIRouter()
        operate = [Security(require("operate"))]
        router.add_api_route("/things/{name}", self.act, methods=["POST"], status_code=201, dependencies=operate)
        router.add_api_route("/empty", self.empty, methods=["POST"], status_code=204)
        router.add_api_route("/fails", self.fail, methods=["POST"])
        router.add_api_route("/breaks", self.breaks, methods=["POST"])
        router.add_api_route("/secret", self.secret, methods=["POST"])
        router.add_api_route("/slow", self.slow, methods=["POST"])
        router.add_api_route("/itself", self.itself, methods=["POST"])
        router.add_api_route("/things/{name}", self.act, methods=["PUT"], name="put_thing")
        self.router = router

    async def act(self, name: str, body: Body, response: Response, times: int = 1) -> dict[str, Any]:
        self.done[name] += times
        response.headers["Location"] = f"/things/{name}"
        return {"name": name, "done": self.done[name], "text": "x" * body.size}

    async def empty(self) -> None:
        self.done["empty"] += 1

    async def fail(self) -> None:
        self.done["fails"] += 1
        raise Problem(self.status, nothing_done=self.nothing_done)

    async def breaks(self) -> None:
        self.done["breaks"] += 1
        raise RuntimeError

    async def secret(self, response: Response) -> dict[str, str]:
        self.done["secret"] += 1
        response.headers["Cache-Control"] = "no-store"
        return {"key": "s3cret"}

    async def slow(self) -> None:
        self.done["slow"] += 1
        self.started.set()
        await self.proceed.wait()

    async def itself(
        self, principal: CurrentPrincipal, idempotency_key: IdempotencyKey = None
    ) -> dict[str, str | None]:
        self.done["itself"] += 1
        return {"key": idempotency_key and per_caller(principal, idempotency_key)}


@pytest.fixture
def acts() -> Acts:
    return Acts()


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def client(acts: Acts, memory: Memory) -> Client:
    keys = ApiKeys.for_tests(operate="operate-key", admin="admin-key", read="read-key")
    app = create_app("Acts", routers=once([acts.router], memory), keys=keys, health=Health(), version="1")
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    return lambda key="operate-key": httpx2.AsyncClient(
        transport=transport, base_url="http://api/api/v1", headers={"Authorization": f"Bearer {key}"}
    )


async def test_a_repeat_gets_the_same_answer_and_does_nothing(client: Client, acts: Acts) -> None:
    first, second = [await client("operate-key").post("/things/a", json={}, headers=KEY) for _ in range(2)]
    assert (first.status_code, first.json()) == (second.status_code, second.json()) == (201, first.json())
    assert first.headers["Location"] == second.headers["Location"]
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert acts.done["a"] == 1


async def test_an_answer_without_a_body_is_repeated(client: Client, acts: Acts) -> None:
    answers = [await client("operate-key").post("/empty", headers=KEY) for _ in range(2)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert acts.done["empty"] == 1


async def test_without_a_key_each_request_acts(client: Client, acts: Acts) -> None:
    for _ in range(2):
        await client("operate-key").post("/things/a", json={})
    assert acts.done["a"] == 2


async def test_the_key_counts_for_its_caller_and_path(client: Client, acts: Acts) -> None:
    for key in ("operate-key", "admin-key"):
        for path in ("a", "b"):
            assert (await client(key).post(f"/things/{path}", json={}, headers=KEY)).status_code == 201
    assert acts.done == {"a": 2, "b": 2}


@pytest.mark.parametrize(("path", "body"), [("a", {"size": 1}), ("a?times=2", {})])
async def test_another_request_with_the_key_is_refused(client: Client, acts: Acts, path: str, body: Any) -> None:
    await client("operate-key").post("/things/a", json={}, headers=KEY)
    answer = await client("operate-key").post(f"/things/{path}", json=body, headers=KEY)
    assert (answer.status_code, answer.json()["title"]) == (422, "Idempotency-Key reused")
    assert acts.done["a"] == 1


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 429, 503])
async def test_what_did_nothing_is_tried_anew(client: Client, acts: Acts, status: int) -> None:
    acts.status = status
    for _ in range(2):
        answer = await client("operate-key").post("/fails", headers=KEY)
        assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (status, False)
    assert acts.done["fails"] == 2


async def test_who_may_not_or_says_it_wrong_uses_up_no_key(client: Client, memory: Memory) -> None:
    assert (await client("read-key").post("/things/a", json={}, headers=KEY)).status_code == 403
    assert (await client("operate-key").post("/things/a", json={"size": "x"}, headers=KEY)).status_code == 422
    assert memory.requests == {}


async def test_what_may_have_acted_is_not_tried_anew(client: Client, acts: Acts) -> None:
    acts.status = 504
    answers = [await client("operate-key").post("/fails", headers=KEY) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [504, 504]
    assert answers[0].json()["instance"] == answers[1].json()["instance"]
    assert answers[1].headers["Content-Type"] == "application/problem+json"
    assert acts.done["fails"] == 1


async def test_what_says_that_it_did_nothing_is_tried_anew(client: Client, acts: Acts) -> None:
    acts.status, acts.nothing_done = 504, True
    for _ in range(2):
        await client("operate-key").post("/fails", headers=KEY)
    assert acts.done["fails"] == 2


async def test_a_request_that_never_got_an_answer_stays_open(client: Client, acts: Acts) -> None:
    answers = [await client("operate-key").post("/breaks", headers=KEY) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [500, 409]
    assert answers[1].json()["title"] == "No answer yet"
    assert acts.done["breaks"] == 1


async def test_a_repeat_while_the_first_is_at_work_does_nothing(client: Client, acts: Acts) -> None:
    first = asyncio.create_task(client("operate-key").post("/slow", headers=KEY))
    await acts.started.wait()
    early = await client("operate-key").post("/slow", headers=KEY)
    assert (early.status_code, early.headers["Retry-After"]) == (409, "2")
    acts.proceed.set()
    late = await client("operate-key").post("/slow", headers=KEY) if (await first).status_code == 200 else early
    assert (late.status_code, acts.done["slow"]) == (200, 1)


async def test_what_is_shown_once_is_not_kept(client: Client, acts: Acts, memory: Memory) -> None:
    first, second = [await client("operate-key").post("/secret", headers=KEY) for _ in range(2)]
    assert (first.json(), second.status_code, second.json()["title"]) == ({"key": "s3cret"}, 409, "Answered already")
    assert [answer.body for answer in memory.answers.values()] == [None]
    assert acts.done["secret"] == 1


async def test_a_very_large_answer_is_not_kept(client: Client, acts: Acts) -> None:
    large = {"size": MOST_KEPT_BYTES}
    first, second = [await client("operate-key").post("/things/a", json=large, headers=KEY) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 409)
    assert second.headers["Location"] == "/things/a"
    assert second.headers["Content-Type"] == "application/problem+json"
    assert acts.done["a"] == 1


async def test_an_answer_that_cannot_be_kept_reaches_the_caller(client: Client, acts: Acts, memory: Memory) -> None:
    memory.fails = True
    first, second = [await client("operate-key").post("/things/a", json={}, headers=KEY) for _ in range(2)]
    assert (first.status_code, second.status_code, acts.done["a"]) == (201, 409, 1)


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_has_a_length(client: Client, acts: Acts, key: str) -> None:
    answer = await client("operate-key").post("/things/a", json={}, headers={"Idempotency-Key": key})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["in"], error["pointer"]) == (422, "header", "/idempotency-key")
    assert acts.done == {}


async def test_a_route_that_takes_the_header_itself_does_it_itself(client: Client, acts: Acts) -> None:
    answers = [
        (await client(key).post("/itself", headers={"Idempotency-Key": "k"})).json()["key"]
        for key in ("operate-key", "operate-key", "admin-key")
    ]
    assert answers[0] == answers[1] != answers[2]
    assert {len(answer) for answer in answers} == {64}
    assert acts.done["itself"] == 3


async def test_only_posts_have_the_header(client: Client) -> None:
    document = (await client("operate-key").get("http://api/openapi.json")).json()
    methods = document["paths"]["/api/v1/things/{name}"]
    named = {method: [each["name"] for each in operation["parameters"]] for method, operation in methods.items()}
    assert ("idempotency-key" in named["post"], "idempotency-key" in named["put"]) == (True, False)


def test_a_key_and_a_token_of_one_name_are_two_callers() -> None:
    key, token = (Principal.with_scopes("billing", ["read"], kind) for kind in ("api-key", "jwt"))
    assert per_caller(key, "k") != per_caller(token, "k")
    assert per_caller(key, "a", "b") != per_caller(key, "a,b")
