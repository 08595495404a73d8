"""Faults of certificates that somebody puts into place while the gateways run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from csms_testing.alarms.fault import Fault, Scene
from csms_testing.pki import SERVER_NAMES, new_key


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
)
