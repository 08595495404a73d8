"""An OCSP responder for tests: real HTTP, real signatures, answers good and bad."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from csms_testing.pki import Authority

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


class Responder:
    """Answers for the certificates of one authority, the revoked ones among them named."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.revoked: set[int] = set()
        self.requests: list[ocsp.OCSPRequest] = []
        self.hosts: list[str] = []
        """What the headers Host said."""
        self.raw: bytes | None = None
        """Sent instead of an answer: a whole HTTP response."""
        self.silent = False
        """Takes requests and never answers."""
        self.lifetime: timedelta | None = timedelta(days=1)
        """Until nextUpdate; None: there is none."""
        self.age = timedelta(0)
        """How long ago thisUpdate was."""
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/ocsp"

    def question(self, certificate: x509.Certificate, algorithm: str = "SHA256", **fields: str) -> dict[str, str]:
        """OCPP's OCSPRequestDataType about a certificate of the authority."""
        issuer = self.authority.certificate
        key = issuer.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        data = {
            "hashAlgorithm": algorithm,
            "issuerNameHash": _digest(algorithm, issuer.subject.public_bytes()),
            "issuerKeyHash": _digest(algorithm, key),
            "serialNumber": f"{certificate.serial_number:x}",
            "responderURL": self.url,
        }
        return data | fields

    def answer(self, serial_number: int, request: ocsp.OCSPRequest) -> bytes:
        """The OCSPResponse about a serial number, DER."""
        now = datetime.now(UTC) - self.age
        is_revoked = serial_number in self.revoked
        builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
            request.issuer_name_hash,
            request.issuer_key_hash,
            serial_number,
            request.hash_algorithm,
            ocsp.OCSPCertStatus.REVOKED if is_revoked else ocsp.OCSPCertStatus.GOOD,
            now,
            None if self.lifetime is None else now + self.lifetime,
            now if is_revoked else None,
            None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.authority.certificate)
        return builder.sign(self.authority.key, hashes.SHA256()).public_bytes(Encoding.DER)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request of a connection, and close it."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
            self.hosts.append(headers["host"])
            request = ocsp.load_der_ocsp_request(await reader.readexactly(int(headers["content-length"])))
            self.requests.append(request)
            if self.silent:
                await reader.read()
                return
            writer.write(self.raw or http_response(self.answer(request.serial_number, request)))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side had enough
        finally:
            writer.close()


def http_response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """An HTTP response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def responder(authority: Authority) -> AsyncIterator[Responder]:
    """Run a responder on loopback while the context is open."""
    made = Responder(authority)
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()


def _digest(algorithm: str, data: bytes) -> str:
    digest = hashes.Hash(_HASHES[algorithm])
    digest.update(data)
    return digest.finalize().hex()
