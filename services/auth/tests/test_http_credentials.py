import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import PasswordChanged
from csms_auth.domain.stations import Admission, Station, admit
from csms_auth.http.credentials import Credentials
from csms_auth.store import stations, tables
from csms_db.engine import Database
from csms_runtime.clock import utcnow
from csms_runtime.passwords import digests, matches
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.settings import UnknownStations

Api = Any  # the fixture of conftest.py

CREDENTIALS = "/api/v1/stations/CS1/credentials"
PASSWORD = "correct horse battery"


class TestCredentials:
    @pytest.fixture(autouse=True)
    async def _station(self, database: Database) -> None:
        async with database.transaction() as session:
            known = [Station("CS1", revision=7, security_profile=2), Station("GONE", revision=7, deleted=True)]
            await stations.save(session, known, utcnow())

    async def station(self, database: Database) -> Station:
        async with database.reading() as session:
            return (await stations.load(session, ["CS1"]))["CS1"]

    async def test_password_is_set_and_never_shown(self, api: Api, database: Database) -> None:
        item = {"id": "CS1", "security_profile": 2, "password_set": False, "password_claimed": False}
        why = "no password is set for this station, which security profile 2 demands"
        assert await api("GET", CREDENTIALS) == item | {"password_missing": why}
        now = item | {"password_set": True, "password_missing": None}
        assert await api.put(CREDENTIALS, {"password": PASSWORD}) == now
        station = await self.station(database)
        assert station.revision == 7
        assert matches(station.password_digest or b"", digests(api.key, "CS1", PASSWORD.encode()))

    async def test_password_is_forgotten(self, api: Api, database: Database) -> None:
        await api.put(CREDENTIALS, {"password": PASSWORD})
        await api("DELETE", CREDENTIALS, status=204)
        assert (await self.station(database)).password_digest is None

    async def test_each_change_is_told(self, api: Api, database: Database) -> None:
        await api.put(CREDENTIALS, {"password": PASSWORD})
        await api("DELETE", CREDENTIALS, status=204)
        async with database.reading() as session:
            stored = (await session.execute(sa.select(tables.outbox).order_by(tables.outbox.c.id))).all()
        told = [(row.topic, row.key, Record.FromString(row.record).event.password_changed) for row in stored]
        assert told == [("events.auth", "CS1", PasswordChanged(password_set=now, revision=7)) for now in (True, False)]
        assert api.wakes == 2

    async def test_a_change_is_answered_when_device_mgmt_shows_it(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looks: asyncio.Queue[dict[str, Station]] = asyncio.Queue()
        load = stations.load

        async def looked(*arguments: Any) -> dict[str, Station]:
            found = await load(*arguments)
            looks.put_nowait(found)
            return found

        monkeypatch.setattr(stations, "load", looked)
        credentials = Credentials(
            database, SecretKeys(b"k" * 32), UnknownStations.ACCEPT, lambda: None, shown_within_s=20
        )
        deleting = asyncio.create_task(credentials.delete_credentials("CS1"))
        async with asyncio.timeout(10):
            for _ in range(2):  # it looked, saw nothing new, and looked again
                assert (await looks.get())["CS1"].revision == 7
        assert not deleting.done()
        async with database.transaction() as session:
            await stations.save(session, [Station("CS1", revision=8, security_profile=2)], utcnow())
        async with asyncio.timeout(10):
            await deleting

    @pytest.mark.parametrize("profile", [0, 3])
    async def test_one_that_needs_no_password_lacks_none(self, api: Api, database: Database, profile: int) -> None:
        async with database.transaction() as session:
            await stations.save(session, [Station("OTHER", revision=7, security_profile=profile)], utcnow())
        assert (await api("GET", "/api/v1/stations/OTHER/credentials"))["password_missing"] is None

    async def test_what_a_station_came_with_is_shown_and_forgotten(self, api: Api, database: Database) -> None:
        async with database.transaction() as session:
            await stations.save(session, [Station("CLAIMED", revision=7, claimed_digest=b"d" * 32)], utcnow())
        path = "/api/v1/stations/CLAIMED/credentials"
        assert (await api("GET", path))["password_claimed"]
        await api("DELETE", path, status=204)
        assert not (await api("GET", path))["password_claimed"]

    @pytest.mark.parametrize("station_id", ["UNHEARD", "GONE"])
    async def test_unknown_station(self, api: Api, station_id: str) -> None:
        path = f"/api/v1/stations/{station_id}/credentials"
        await api("GET", path, status=404)
        await api.put(path, {"password": PASSWORD}, 404)
        await api("DELETE", path, status=404)

    async def test_what_was_told_before_does_not_replace_it_what_is_told_later_does(
        self, api: Api, database: Database
    ) -> None:
        await api.put(CREDENTIALS, {"password": PASSWORD})
        station = await self.station(database)
        assert admit(station, Admission("CS1", revision=7, new_password_digest=b"told before")) is None
        later = admit(station, Admission("CS1", revision=8, new_password_digest=b"told later"))
        assert later is not None
        assert later.password_digest == b"told later"

    async def test_the_identity_in_the_path_has_no_case(self, api: Api, database: Database) -> None:
        item = await api.put("/api/v1/stations/cs1/credentials", {"password": PASSWORD})
        assert (item["id"], item["password_set"]) == ("CS1", True)
        station = await self.station(database)
        assert matches(station.password_digest or b"", digests(api.key, "CS1", PASSWORD.encode()))
        await api("GET", "/api/v1/stations/gone/credentials", status=404)
