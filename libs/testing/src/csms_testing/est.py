"""An EST server for tests (RFC 7030): HTTPS, /cacerts and /simpleenroll, and what may go wrong with them."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from csms_testing.ocsp import http_response
from csms_testing.pki import Authority, Pki

PATH = "/.well-known/est/stations"


class EstServer:
    """Signs what it is asked for, subject and all."""

    def __init__(self, authority: Authority, root: Authority) -> None:
        self.authority, self.root = authority, root
        self.known = [authority.certificate, root.certificate]
        """What /cacerts tells."""
        self.asked: list[tuple[str, dict[str, str]]] = []
        """Request lines and headers, in lower case."""
        self.raw: bytes | None = None
        """Sent instead of an answer to /simpleenroll: a whole HTTP response."""
        self.port = 0

    @property
    def url(self) -> str:
        """For CSMS_PKI_EST_URL."""
        return f"https://localhost:{self.port}{PATH}"

    def sign(self, request: x509.CertificateSigningRequest) -> x509.Certificate:
        """The certificate that was asked for."""
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(request.subject).public_key(request.public_key())
        builder = builder.issuer_name(self.authority.certificate.subject).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=90))
        return builder.sign(self.authority.key, hashes.SHA256())

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request of a connection, and close it."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *rest = [each for each in head.split("\r\n") if each]
            headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in rest)}
            self.asked.append((line, headers))
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            writer.write(self._answer(line, body))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side had enough
        finally:
            writer.close()

    def _answer(self, line: str, body: bytes) -> bytes:
        if line.startswith(f"GET {PATH}/cacerts "):
            return http_response(certs_only(*self.known))
        if not line.startswith(f"POST {PATH}/simpleenroll "):
            return http_response(b"", "404 Not Found")
        request = x509.load_der_x509_csr(base64.b64decode(body))
        return self.raw or http_response(certs_only(self.sign(request)))


def certs_only(*certificates: x509.Certificate) -> bytes:
    """A certs-only PKCS #7 message in base64, in lines as servers send it."""
    return base64.encodebytes(pkcs7.serialize_certificates(list(certificates), Encoding.DER))


@asynccontextmanager
async def est_server(pki: Pki, *, clients: bool = False) -> AsyncIterator[EstServer]:
    """Run an EST server on loopback with a certificate of `pki`; `clients`: it asks for certificates of `pki`."""
    root = Authority("EST root")
    made = EstServer(Authority("EST sub-CA", root), root)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.servers[0].certificate, pki.servers[0].key)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(pki.root_file)
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()
