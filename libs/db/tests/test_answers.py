"""Answers to requests with an Idempotency-Key, on both databases."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from csms_db.answers import KeptAnswers
from csms_db.engine import Database
from csms_db.retention import Kept, Retention
from csms_runtime.clock import utcnow
from csms_runtime.http.idempotency import Answer, Earlier
from csms_runtime.secret_keys import SecretKeys

ANSWER = Answer(201, {"location": "/things/1"}, b'{"said": "in confidence"}')
SECRET_KEY = b"a-secret-of-the-tests"


@pytest.fixture
def answers(database: Database, models: SimpleNamespace) -> KeptAnswers:
    return KeptAnswers(database, models.kept_answers, SecretKeys(SECRET_KEY))


async def test_the_first_begins_and_a_repeat_gets_its_answer(answers: KeptAnswers) -> None:
    assert await answers.begin("n", b"request") is None
    assert await answers.begin("n", b"request") == Earlier(is_same=True, answer=None)
    await answers.keep("n", ANSWER)
    assert await answers.begin("n", b"request") == Earlier(is_same=True, answer=ANSWER)
    assert await answers.begin("n", b"another") == Earlier(is_same=False, answer=ANSWER)
    assert await answers.begin("other", b"request") is None


async def test_of_many_at_once_one_is_the_first(answers: KeptAnswers) -> None:
    found = await asyncio.gather(*(answers.begin("n", b"request") for _ in range(10)))
    assert found.count(None) == 1


async def test_what_did_nothing_is_forgotten(answers: KeptAnswers) -> None:
    for _ in range(2):
        assert await answers.begin("n", b"request") is None
        await answers.forget("n")


async def test_an_answer_may_have_no_body(answers: KeptAnswers) -> None:
    await answers.begin("n", b"request")
    await answers.keep("n", Answer(204, {}, None))
    assert await answers.begin("n", b"request") == Earlier(is_same=True, answer=Answer(204, {}, None))


async def test_nothing_of_request_and_answer_lies_readable(
    answers: KeptAnswers, database: Database, models: SimpleNamespace
) -> None:
    await answers.begin("n", b'{"password": "s3cret-s3cret-s3cret"}')
    await answers.keep("n", ANSWER)
    async with database.reading() as session:
        stored = str((await session.execute(sa.select(models.kept_answers))).all())
    assert "s3cret" not in stored
    assert "confidence" not in stored


async def test_they_go_after_a_day(answers: KeptAnswers, database: Database, models: SimpleNamespace) -> None:
    for name, hours in (("old", 25), ("new", 23)):
        await answers.begin(name, b"request")
        moment = utcnow() - timedelta(hours=hours)
        async with database.transaction() as session:
            table = models.kept_answers
            await session.execute(sa.update(table).where(table.c.name == name).values(created_at=moment))
    assert await Retention(database, [Kept("answers", 1, answers.delete_old)]).apply() == {"answers": 1}
    assert await answers.begin("old", b"request") is None
    assert await answers.begin("new", b"request") is not None


async def test_a_repeat_after_the_key_was_replaced_gets_its_answer(
    answers: KeptAnswers, database: Database, models: SimpleNamespace
) -> None:
    await answers.begin("n", b"request")
    await answers.keep("n", ANSWER)
    both = KeptAnswers(database, models.kept_answers, SecretKeys(b"the key that is next", (SECRET_KEY,)))
    assert await both.begin("n", b"request") == Earlier(is_same=True, answer=ANSWER)
    assert await both.begin("n", b"another") == Earlier(is_same=False, answer=ANSWER)
    alone = KeptAnswers(database, models.kept_answers, SecretKeys(b"the key that is next"))
    assert await alone.begin("n", b"request") == Earlier(is_same=False, answer=Answer(201, ANSWER.headers, None))
