"""Faults of certificates and lists, put into place while the gateways run, and of who shows wrong ones."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from csms_testing.alarms.fault import Fault, Scene
from csms_testing.pki import SERVER_NAMES, Authority, Issued, Pki, new_key

_CLIENT_CAS, _CLIENT_CRLS = "clients.pem", "clients.crl"
_STRANGERS = 12
"""As many addresses of loopback as stations: more than a tenth of them."""
_PAUSE_S = 2.0


def tls_settings(pki: Pki) -> dict[str, str]:
    """Return the gateways' settings; the files that they name are made."""
    _trust(pki)
    _list(pki)
    return {
        "CSMS_OCPP_TLS_CERTIFICATES": json.dumps([files.setting for files in pki.servers]),
        "CSMS_OCPP_TLS_CLIENT_CAS": json.dumps([str(pki.directory / _CLIENT_CAS)]),
        "CSMS_OCPP_TLS_CLIENT_CRLS": json.dumps([str(pki.directory / _CLIENT_CRLS)]),
    }


def _trust(pki: Pki, *more: Authority) -> None:
    pki.write(_CLIENT_CAS, b"".join(authority.pem for authority in (pki.stations, pki.root, *more)))


def _list(pki: Pki, ends_in: timedelta = timedelta(days=30)) -> None:
    pki.write(_CLIENT_CRLS, pki.root.crl() + pki.stations.crl(ends_in=ends_in))


@asynccontextmanager
async def certificate_ends(scene: Scene) -> AsyncIterator[None]:
    """The gateways' certificate ends in two days."""
    pki, two_days = scene.pki, timedelta(days=2)
    pki.save("server-ecdsa", pki.root.issue(SERVER_NAMES[0], names=SERVER_NAMES, ends_in=two_days))
    try:
        yield
    finally:
        pki.server("ecdsa")


@asynccontextmanager
async def wrong_key(scene: Scene) -> AsyncIterator[None]:
    """A new certificate is put into place with the key of another one."""
    pki = scene.pki
    issued = pki.root.issue(SERVER_NAMES[0], names=SERVER_NAMES)
    pki.save("server-ecdsa", type(issued)(issued.certificate, new_key()))
    try:
        yield
    finally:
        pki.server("ecdsa")


@asynccontextmanager
async def authority_ends(scene: Scene) -> AsyncIterator[None]:
    """One of the authorities of stations' certificates ends in two days."""
    _trust(scene.pki, Authority("Ends soon", ends_in=timedelta(days=2)))
    try:
        yield
    finally:
        _trust(scene.pki)


@asynccontextmanager
async def list_ends(scene: Scene) -> AsyncIterator[None]:
    """The revocation list of stations' certificates, a day old, ends within the hour."""
    _list(scene.pki, ends_in=timedelta(hours=1))
    try:
        yield
    finally:
        _list(scene.pki)


@asynccontextmanager
async def untrusted(scene: Scene) -> AsyncIterator[None]:
    """Stations of many addresses show certificates of an authority that nobody trusts; later they show none."""
    strangers = asyncio.create_task(_come(scene, scene.pki.unknown_client("SN-1")))
    try:
        yield
    finally:
        strangers.cancel()
        with suppress(asyncio.CancelledError):
            await strangers
        await _come_once(scene, None)


async def _come(scene: Scene, shown: Issued) -> None:
    while True:
        await _come_once(scene, shown)
        await asyncio.sleep(_PAUSE_S)


async def _come_once(scene: Scene, shown: Issued | None) -> None:
    gateway = scene.arena.processes["gateway-0"]
    port = int(gateway.environment["CSMS_OCPP_TLS_PORT"])
    for number in range(_STRANGERS):
        with suppress(OSError):  # so it ends
            _, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=scene.pki.context(shown), local_addr=(f"127.0.1.{number + 1}", 0)
            )
            writer.close()
            await writer.wait_closed()


FAULTS: tuple[Fault, ...] = (
    Fault(
        "certificate-ends",
        "a certificate of the gateways ends in two days",
        frozenset({"CsmsCertificateExpires", "CsmsCertificateExpiresSoon"}),
        certificate_ends,
    ),
    Fault(
        "wrong-key",
        "a new certificate comes with a key that is not its own",
        frozenset({"CsmsTlsReloadFails"}),
        wrong_key,
    ),
    Fault(
        "authority-ends",
        "an authority of stations' certificates ends in two days",
        frozenset({"CsmsAuthorityExpires", "CsmsAuthorityExpiresSoon"}),
        authority_ends,
    ),
    Fault(
        "list-ends",
        "a revocation list is good for one more hour",
        frozenset({"CsmsRevocationListExpires", "CsmsRevocationListExpiresSoon"}),
        list_ends,
    ),
    Fault(
        "untrusted",
        "stations show certificates that the gateways do not trust",
        frozenset({"CsmsTlsHandshakesFail", "CsmsSomeTlsHandshakesFail"}),
        untrusted,
        fire_s=250,
    ),
)
