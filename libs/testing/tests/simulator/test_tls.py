"""Security profiles 2 and 3: TLS, and a client certificate."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from csms_testing.simulator import Station, StationConfig
from csms_testing.simulator.protocol import DEFAULT
from csms_testing.simulator.scripted_csms import ScriptedCsms
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate and its key, for both sides."""
    directory = tmp_path_factory.mktemp("tls")
    chain, key = directory / "certificate.pem", directory / "key.pem"
    options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/O=Open CSMS/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", *options, *names, "-keyout", str(key), "-out", str(chain)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603  # a fixed command
    return chain, key


async def test_a_station_with_its_own_certificate(certificate: tuple[Path, Path]) -> None:
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificate[0]))
    server_side.load_cert_chain(*certificate)
    server_side.verify_mode = ssl.CERT_REQUIRED
    client_side = ssl.create_default_context(cafile=str(certificate[0]))
    client_side.load_cert_chain(*certificate)
    csms, subjects = ScriptedCsms(), []

    async def handle(connection: ServerConnection) -> None:
        subjects.append(connection.transport.get_extra_info("peercert")["subject"])
        await csms.handle(connection)

    async with serve(handle, "localhost", 0, ssl=server_side, subprotocols=[Subprotocol(DEFAULT)]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        url = f"wss://localhost:{port}/ocpp"
        async with Station(url, "CS1", config=StationConfig(ssl=client_side)) as station:
            await station.wait_accepted(10)

    assert (("commonName", "localhost"),) in subjects[0]
