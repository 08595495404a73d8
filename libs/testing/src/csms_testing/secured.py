"""A CSMS with TLS: certificates for its gateways, and authorities whose stations they let in."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from csms_testing.pki import Pki


@dataclass(frozen=True, slots=True)
class Secured:
    """What a test needs to meet the CSMS with TLS, and the settings that make the CSMS so."""

    pki: Pki
    """Made the gateways' certificates; its root is trusted for stations, beside the CSMS's own authority."""
    built_in: Path
    """Directory of the CSMS's own authority (CSMS_PKI_DIR), which signs what stations ask for."""
    settings: dict[str, str]
    """By environment name. Without the port."""


async def secured(directory: Path) -> Secured:
    """Make certificates and authorities in a directory. Raises RuntimeError when csms-pki fails."""
    pki, built_in = Pki(directory / "test-pki"), directory / "pki"
    signing = {"CSMS_PKI_DIR": str(built_in), "CSMS_PKI_PASSPHRASE": "passphrase of the tests"}
    await _csms_pki("init", signing)
    authorities = [pki.root_file, built_in / "ca" / "clients.pem"]
    settings = {
        **signing,
        "CSMS_OCSP_ALLOWED_NETWORKS": '["127.0.0.0/8"]',  # where tests run OCSP responders
        "CSMS_OCPP_TLS_CERTIFICATES": json.dumps([files.setting for files in pki.servers]),
        "CSMS_OCPP_TLS_CLIENT_CAS": json.dumps([str(path) for path in authorities]),
    }
    return Secured(pki, built_in, settings)


async def _csms_pki(command: str, settings: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "csms_auth.pki", command),
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"csms-pki {command} failed:\n{output.decode(errors='replace')}")
