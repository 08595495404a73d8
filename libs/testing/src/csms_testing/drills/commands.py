"""Commands over HTTP while things break: each must get an answer or a clear failure, and soon."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence

import httpx2

from csms_testing.drills.api import Api
from csms_testing.simulator.frames import Json

TIMEOUT_S = 5.0
"""What a station may take to answer."""
_LONGEST_S = 40.0
"""After this a request counts as hanging: timeouts of the call, a second try, database and bus are all shorter."""
_PAUSE_S = 0.25

ANSWERED, NOT_CONNECTED = "answered", "not connected"
_CLEAR = {409: NOT_CONNECTED, 502: "service down", 503: "unavailable", 504: "no answer in time"}


class CommandLoad:
    """Sends commands to random stations until told to stop; keeps what became of them.

    `asking`: by station, the action and the payload of what it can be asked.
    """

    def __init__(self, api: Api, asking: Mapping[str, tuple[str, Json]], tokens: Sequence[Json]) -> None:
        self._api = api
        self._asking = asking
        self._station_ids = list(asking)
        self._tokens = tokens
        self.outcomes: Counter[str] = Counter()
        self.answers: dict[str, str] = {}
        """By call id: what came of it, of those that a station answered."""
        self.wrong: list[str] = []
        """What was neither an answer nor a clear failure."""

    async def run(self, stop: asyncio.Event) -> None:
        """Send one after the other until `stop` is set."""
        while not stop.is_set():
            station_id = random.choice(self._station_ids)  # noqa: S311  # no secret
            remote_start = random.random() < 0.2  # noqa: S311, PLR2004  # as above; mostly commands without events
            await (self.remote_start(station_id) if remote_start else self.ask(station_id))
            await asyncio.sleep(_PAUSE_S)

    async def ask(self, station_id: str) -> str:
        """Ask a station something; how that went: ANSWERED, NOT_CONNECTED, ..."""
        action, payload = self._asking[station_id]
        return await self._send(f"/stations/{station_id}/calls/{action}", payload)

    async def remote_start(self, station_id: str) -> str:
        """Ask a station to start charging; how that went. A refusal of the station is an answer, too."""
        token = random.choice(self._tokens)  # noqa: S311  # no secret
        return await self._send(f"/stations/{station_id}/remote-start", {"id_token": token, "evse_id": 2})

    async def _send(self, path: str, body: Json) -> str:
        try:
            async with asyncio.timeout(_LONGEST_S):
                answer = await self._api.request("POST", path, body, params={"timeout_s": TIMEOUT_S})
        except TimeoutError:
            return self._note_wrong(f"{path}: nothing within {_LONGEST_S:g} s")
        except httpx2.TransportError:
            return self._note("service down")
        if answer.is_success:
            told = answer.json()
            self.answers[told["call_id"]] = told["outcome"]
            return self._note(ANSWERED)
        if answer.status_code not in _CLEAR:
            return self._note_wrong(f"{path}: {answer.status_code} {answer.text[:200]}")
        return self._note(_CLEAR[answer.status_code])

    def _note(self, outcome: str) -> str:
        self.outcomes[outcome] += 1
        return outcome

    def _note_wrong(self, what: str) -> str:
        self.wrong.append(what)
        return self._note("wrong")
