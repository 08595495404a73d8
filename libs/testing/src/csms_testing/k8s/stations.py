"""Stations outside the cluster, of the three security profiles, as they come through the Service."""

import secrets
from dataclasses import dataclass, replace

from csms_testing.drills.api import Api
from csms_testing.drills.load import CONFIG, Equipment
from csms_testing.k8s.names import NODE_PORTS
from csms_testing.pki import Pki

PROFILES = (1, 2, 3)


@dataclass(slots=True)
class Outfitter:
    """Registers stations, and gives them what they connect with: the security profiles in turn."""

    api: Api
    pki: Pki
    host: str
    """Where the nodes' ports are reached."""

    async def __call__(self, number: int, station_id: str) -> Equipment:
        """Prepare a station. Raises httpx2.HTTPError."""
        profile = PROFILES[number % len(PROFILES)]
        password = None if profile == PROFILES[-1] else secrets.token_urlsafe(16)
        known = {"serial_number": station_id} if password is None else {"password": password}
        await self.api.put(f"/stations/{station_id}", {"security_profile": profile, **known})
        if profile == PROFILES[0]:
            return Equipment(url=f"ws://{self.host}:{NODE_PORTS['ocpp']}/ocpp", password=password)
        certificate = self.pki.client(station_id) if password is None else None
        config = replace(CONFIG, ssl=self.pki.context(certificate))
        return Equipment(url=f"wss://{self.host}:{NODE_PORTS['ocpp-tls']}/ocpp", password=password, config=config)
