import httpx2
import pytest
from csms_testing.drills.commands import CommandLoad


class FakeApi:
    def __init__(self, outcome):
        self.outcome = outcome

    async def request(self, *_, **__):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return httpx2.Response(self.outcome, json={"call_id": "1", "outcome": "result"})


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (200, "answered"),
        (409, "not connected"),
        (503, "unavailable"),
        (504, "no answer in time"),
        (httpx2.ConnectError("refused"), "service down"),
    ],
)
async def test_answers_and_clear_failures(outcome, name):
    commands = CommandLoad(FakeApi(outcome), {"CS1": ("GetVariables", {})}, [{"idToken": "T", "type": "ISO14443"}])
    assert await commands.ask("CS1") == name
    assert commands.outcomes == {name: 1}
    assert commands.wrong == []
    assert commands.answers == ({"1": "result"} if outcome == 200 else {})


@pytest.mark.parametrize("status", [500, 404, 422])
async def test_anything_else_is_wrong(status):
    commands = CommandLoad(FakeApi(status), {"CS1": ("GetVariables", {})}, [{"idToken": "T", "type": "ISO14443"}])
    assert await commands.ask("CS1") == "wrong"
    assert len(commands.wrong) == 1
    assert str(status) in commands.wrong[0]
