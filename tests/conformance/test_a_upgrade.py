"""TC_A_19: a station is moved to a higher security profile (A05)."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography import x509
from csms_testing.conformance import Connector, Operator, Station
from csms_testing.conformance.states import booted
from csms_testing.csrs import csr_pem
from csms_testing.pki import Issued, Key, new_key
from csms_testing.systems import System

FORBIDDEN = 403
SLOT = 2
PRIORITY = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
ACCEPTED = {"status": "Accepted"}
PRIORITY_ACCEPTED = {"setVariableResult": [{**PRIORITY, "attributeStatus": "Accepted"}]}


@dataclass(slots=True)
class Upgrade:
    """A station that is going to have the security profile above its own."""

    system: System
    operator: Operator
    old: Connector
    profile: int
    """The one it has."""
    serial_number: str
    key: Key = field(default_factory=new_key)
    chain: bytes = b""
    """The certificate that the CSMS gave it, and those above."""

    @property
    def path(self) -> str:
        return f"/stations/{self.old.station_id}/security-profile"

    @property
    def new(self) -> Connector:
        """The station as it connects with the higher profile."""
        pki, password = self.system.pki, self.old.password
        connector = self.old.with_tls(pki.context(), password=password)
        connector.urls = self.system.ocpp_tls_urls
        if self.profile + 1 == 2:
            return connector
        leaf, *above = x509.load_pem_x509_certificates(self.chain)
        return connector.with_tls(pki.context(Issued(leaf, self.key, tuple(above))), password=None)

    @property
    def network_profile(self) -> dict[str, Any]:
        data = {
            "ocppTransport": "JSON",
            "ocppCsmsUrl": self.system.ocpp_tls_urls[0],
            "messageTimeout": 30,
            "securityProfile": self.profile + 1,
            "ocppInterface": "Wired0",
        }
        if self.old.protocols == ("ocpp2.0.1",):  # later versions say it when they connect
            data["ocppVersion"] = "OCPP20"
        return {"configurationSlot": SLOT, "connectionData": data}

    async def take_certificate(self, station: Station) -> None:
        """Play the station that is asked for a certificate request (A02)."""
        asked = await station.reply("TriggerMessage", ACCEPTED)
        assert asked == {"requestedMessage": "SignChargingStationCertificate"}
        csr = csr_pem(self.serial_number, organization="CSMS", key=self.key)
        request = {"csr": csr, "certificateType": "ChargingStationCertificate"}
        assert (await station.call("SignCertificate", request))["status"] == "Accepted"
        signed = await station.reply("CertificateSigned", ACCEPTED)
        assert signed["certificateType"] == "ChargingStationCertificate"
        self.chain = signed["certificateChain"].encode()

    async def shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = await self.operator.get(self.path)
        return shown

    async def at(self, step: str) -> dict[str, Any]:
        """Wait until the change stands at a step."""

        async def there() -> dict[str, Any] | None:
            shown = await self.shown()
            return shown if shown["change"]["step"] == step else None

        return await self.operator.eventually(there)

    async def connects(self) -> None:
        """The station comes with the new profile, is let in, and never again with the old one."""
        async with self.new() as station:
            await booted(station, "RemoteReset", serialNumber=self.serial_number)
        assert await self.old.refused() == FORBIDDEN
        async with self.new() as station:
            await booted(station, serialNumber=self.serial_number)
        assert await self.old.refused() == FORBIDDEN

        async def told() -> bool:
            return (await self.shown())["security_profile"] == self.profile + 1

        await self.operator.eventually(told)


@pytest.fixture(params=[1, 2])
async def upgrade(request, system, operator, station_id, password, *, serial_number, protocols):
    profile = request.param
    await operator.put_station(station_id, security_profile=profile, password=password, serial_number=serial_number)
    urls, context = (system.ocpp_urls, None) if profile == 1 else (system.ocpp_tls_urls, system.pki.context())
    connector = Connector(urls, station_id, password, protocols, context=context)
    return Upgrade(system, operator, connector, profile, serial_number)


async def test_tc_a_19_csms(upgrade, operator):
    """The CSMS does it step by step."""
    async with upgrade.old() as station:
        await booted(station, serialNumber=upgrade.serial_number)
        wanted = {
            "security_profile": upgrade.profile + 1,
            "configuration_slot": SLOT,
            "ocpp_csms_url": upgrade.system.ocpp_tls_urls[0],
        }
        async with operator.posting(upgrade.path, wanted) as pending:
            pass
        assert pending.http_status == 202
        if upgrade.profile + 1 == 3:
            await upgrade.take_certificate(station)
        present = {**PRIORITY, "attributeStatus": "Accepted", "attributeValue": "1"}
        assert await station.reply("GetVariables", {"getVariableResult": [present]}) == {"getVariableData": [PRIORITY]}
        assert await station.reply("SetNetworkProfile", ACCEPTED) == upgrade.network_profile
        priority = await station.reply("SetVariables", PRIORITY_ACCEPTED)
        assert priority == {"setVariableData": [{**PRIORITY, "attributeValue": f"{SLOT},1"}]}
        assert await station.reply("Reset", ACCEPTED) == {"type": "OnIdle"}
        await upgrade.at("connect")
        await station.expect_nothing()
    await upgrade.connects()
    shown = await upgrade.at("done")
    assert shown["pending_security_profile"] is None


async def test_tc_a_19_csms_by_the_messages_themselves(upgrade, operator):
    """As an operator who sends them by hand does it."""
    station_id = upgrade.old.station_id

    async def by_hand(station: Station, action: str, payload: Any, answer: Any = ACCEPTED) -> None:
        async with operator.calling(station_id, action, payload) as pending:
            assert await station.reply(action, answer) == payload
        assert pending.outcome == "result"

    async with upgrade.old() as station:
        await booted(station, serialNumber=upgrade.serial_number)
        if upgrade.profile + 1 == 3:
            payload = {"requestedMessage": "SignChargingStationCertificate"}
            async with operator.calling(station_id, "TriggerMessage", payload):
                await upgrade.take_certificate(station)
        await by_hand(station, "SetNetworkProfile", upgrade.network_profile)
        element = {**PRIORITY, "attributeValue": f"{SLOT},1"}
        await by_hand(station, "SetVariables", {"setVariableData": [element]}, PRIORITY_ACCEPTED)
        await by_hand(station, "Reset", {"type": "Immediate"})
    await upgrade.connects()


async def test_tc_a_19_csms_refused(upgrade, operator):
    """A station that takes no network profile keeps its security profile, and may be asked again."""
    async with upgrade.old() as station:
        await booted(station, serialNumber=upgrade.serial_number)
        wanted = {
            "security_profile": upgrade.profile + 1,
            "configuration_slot": SLOT,
            "ocpp_csms_url": upgrade.system.ocpp_tls_urls[0],
            "network_configuration_priority": [SLOT, 1],
            "new_certificate": False,
        }
        for _ in range(2):
            async with operator.posting(upgrade.path, wanted) as pending:
                await station.reply("SetNetworkProfile", {"status": "Rejected"})
            assert pending.http_status == 202
            shown = await upgrade.at("failed")
            assert (shown["change"]["failed_step"], shown["pending_security_profile"]) == ("network_profile", None)
    async with upgrade.old() as station:
        await booted(station, serialNumber=upgrade.serial_number)
    if upgrade.profile + 1 == 2:
        assert await upgrade.new.refused() == FORBIDDEN


async def test_tc_a_19_csms_never_down_again(upgrade, operator):
    """An operator cannot undo it by mistake (A05.FR.07)."""
    async with upgrade.old() as station:
        await booted(station, serialNumber=upgrade.serial_number)
        async with operator.calling(upgrade.old.station_id, "SetNetworkProfile", upgrade.network_profile):
            await station.reply("SetNetworkProfile", ACCEPTED)
    if upgrade.profile + 1 == 3:
        upgrade.chain = (issued := upgrade.system.pki.client(upgrade.serial_number)).pem
        upgrade.key = issued.key
    await upgrade.connects()
    lower = await operator.client.put(f"/stations/{upgrade.old.station_id}", json={"security_profile": upgrade.profile})
    assert lower.status_code == 409
    async with operator.posting(upgrade.path, {"security_profile": 2, "ocpp_csms_url": "wss://x"}) as pending:
        pass
    assert pending.http_status == 409
    assert await upgrade.old.refused() == FORBIDDEN
