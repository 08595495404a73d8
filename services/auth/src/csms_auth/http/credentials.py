"""/stations/{station_id}/credentials: what a station must show to connect."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from csms_db import outbox
from csms_db.engine import Database
from csms_runtime.clock import utcnow
from csms_runtime.http import Problem, require
from csms_runtime.passwords import MAX_LENGTH, MIN_LENGTH, digest
from csms_runtime.secret_keys import SecretKeys
from csms_runtime.settings import UnknownStations
from fastapi import APIRouter, Path, Security
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from csms_auth import domain_events
from csms_auth.domain.connections import CLIENT_CERTIFICATE, missing_password
from csms_auth.domain.stations import Station
from csms_auth.store import stations, tables

_LOOK_S = 0.02
"""How often it is looked whether device-mgmt has answered: another process may be told."""

StationId = Annotated[str, Path(min_length=1, max_length=48)]


class CredentialsBody(BaseModel):
    """A new password."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    password: SecretStr = Field(min_length=MIN_LENGTH, max_length=MAX_LENGTH, description="Write-only (A00.FR.206)")


class CredentialsItem(BaseModel):
    """What is demanded of a station; never the password, nor anything made of it."""

    id: str = Field(description="The station's id")
    security_profile: int | None = Field(description="1, 2 or 3; null: none demanded")
    password_set: bool
    password_claimed: bool = Field(
        description="It came with a password when nobody had created it: that one is demanded of it, until an "
        "operator sets a password or demands a security profile, or deletes the credentials"
    )
    password_missing: str | None = Field(
        description="Why the station is refused (401) until a password is set; null: it is not for the lack of one"
    )


class Credentials:
    """The handlers of a station's credentials. The station itself is created at /stations."""

    def __init__(
        self,
        database: Database,
        keys: SecretKeys,
        unknown_stations: UnknownStations,
        wake_outbox: Callable[[], None],
        *,
        shown_within_s: float = 2.0,
    ) -> None:
        """`keys` are those of the password digests; `wake_outbox` is called after events were stored.

        A change is answered when device-mgmt shows it, too, or after `shown_within_s` seconds.
        """
        self._database = database
        self._keys = keys
        self._unknown_stations = unknown_stations
        self._wake_outbox = wake_outbox
        self._shown_within_s = shown_within_s

    def router(self) -> APIRouter:
        """Return the routes, below /api/v1."""
        router = APIRouter(tags=["Credentials"])
        read, admin = [Security(require("read"))], [Security(require("admin"))]
        path = "/stations/{station_id}/credentials"
        router.add_api_route(path, self.get_credentials, methods=["GET"], dependencies=read)
        router.add_api_route(path, self.put_credentials, methods=["PUT"], dependencies=admin)
        router.add_api_route(path, self.delete_credentials, methods=["DELETE"], dependencies=admin, status_code=204)
        return router

    async def get_credentials(self, station_id: StationId) -> CredentialsItem:
        """Tell whether a password is set and which security profile is demanded."""
        async with self._database.reading() as session:
            station = (await stations.load(session, [station_id])).get(station_id)
        if station is None or station.deleted:
            raise _not_found()
        return _item(station, self._unknown_stations)

    async def put_credentials(self, station_id: StationId, body: CredentialsBody) -> CredentialsItem:
        """Make this the only valid password, from the next connection on."""
        await self._set(station_id, digest(self._keys.current, station_id, body.password.get_secret_value().encode()))
        return await self.get_credentials(station_id)

    async def delete_credentials(self, station_id: StationId) -> None:
        """Forget the password: a station without a security profile can connect where unknown stations may."""
        await self._set(station_id, None)

    async def _set(self, station_id: str, digest: bytes | None) -> None:
        async with self._database.transaction() as session:
            revision = await stations.set_password(session, station_id, digest, utcnow(), self._keys.current_id)
            if revision is None:
                raise _not_found()
            told = domain_events.password_changed(station_id, password_set=digest is not None, revision=revision)
            await outbox.add(session, tables.outbox, [told])
        self._wake_outbox()
        await self._until_shown(station_id, revision)

    async def _until_shown(self, station_id: str, revision: int) -> None:
        """Wait until device-mgmt has taken note of a change: it then tells of the station with a higher revision."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._shown_within_s
        while clock() < until:
            async with self._database.reading() as session:
                station = (await stations.load(session, [station_id])).get(station_id)
            if station is None or station.deleted or station.revision > revision:
                return
            await asyncio.sleep(_LOOK_S)


def _item(station: Station, policy: UnknownStations) -> CredentialsItem:
    return CredentialsItem(
        id=station.station_id,
        security_profile=station.security_profile or None,
        password_set=station.password_digest is not None,
        password_claimed=station.claimed_digest is not None,
        password_missing=None
        if station.least_profile == CLIENT_CERTIFICATE
        else missing_password(station, policy) or None,
    )


def _not_found() -> Problem:
    return Problem(404, "Station not found", "there is no station of this id")
