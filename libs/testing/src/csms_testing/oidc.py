"""A small OpenID Connect issuer over HTTP: discovery, keys, and tokens as tests want them."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from csms_runtime.http import listening
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

AUDIENCE = "csms"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Issuer:
    """An issuer with an RSA key "rsa" and an EC key "ec"; `keys` and the answers may be changed while it runs."""

    def __init__(self) -> None:
        self.url = ""
        self.keys: dict[str, PrivateKey] = dict(_usual_keys())
        self.extra: list[dict[str, Any]] = []
        """More entries of the key set, as they are."""
        self.away = False
        """Answers 503."""
        self.discovery: dict[str, Any] = {}
        """Replaces members of the discovery document."""
        self.fetches = 0
        """How often the keys were asked for."""

    def token(
        self,
        scopes: object = "read",
        *,
        key_id: str | None = "rsa",
        algorithm: str = "RS256",
        signed_by: Any = None,  # noqa: ANN401 whatever PyJWT takes
        **claims: Any,  # noqa: ANN401 any JSON value; None: left out
    ) -> str:
        """A token for `AUDIENCE` that is valid for a minute. `signed_by` replaces the key of that id."""
        now = int(time.time())
        defaults = {"iss": self.url, "aud": AUDIENCE, "sub": "somebody", "iat": now, "exp": now + 60, "scope": scopes}
        chosen = {name: value for name, value in (defaults | claims).items() if value is not None}
        key = self.keys[key_id or "rsa"] if signed_by is None else signed_by
        return jwt.encode(chosen, key, algorithm, {"kid": key_id} if key_id else None)

    def app(self) -> Starlette:
        """The HTTP side."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._configuration),
                Route("/keys", self._key_set),
            ]
        )

    async def _configuration(self, _: Request) -> Response:
        if self.away:
            return Response(status_code=503)
        return JSONResponse({"issuer": self.url, "jwks_uri": f"{self.url}/keys", **self.discovery})

    async def _key_set(self, _: Request) -> Response:
        self.fetches += 1
        return JSONResponse({"keys": [*(jwk(name, key) for name, key in self.keys.items()), *self.extra]})


@cache  # making an RSA key takes a while
def _usual_keys() -> dict[str, PrivateKey]:
    return {"rsa": rsa_key(), "ec": ec.generate_private_key(ec.SECP256R1())}


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """A new RSA key."""
    return rsa.generate_private_key(65537, bits)


def jwk(key_id: str, key: PrivateKey) -> dict[str, Any]:
    """The public half, as a key set has it."""
    if isinstance(key, rsa.RSAPrivateKey):
        told: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    else:
        told = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    return {name: value for name, value in told.items() if name != "key_ops"} | {"kid": key_id, "use": "sig"}


@asynccontextmanager
async def issuing(tls: ssl.SSLContext | None = None) -> AsyncIterator[Issuer]:
    """An issuer that listens on loopback while the context is open, with TLS when it is given a server's context."""
    issuer = Issuer()
    async with listening(issuer.app(), "127.0.0.1", 0) as port:
        issuer.url = f"http://127.0.0.1:{port}"
        if tls is None:
            yield issuer
            return
        async with _with_tls(tls, port) as tls_port:
            issuer.url = f"https://localhost:{tls_port}"
            yield issuer


@asynccontextmanager
async def _with_tls(tls: ssl.SSLContext, port: int) -> AsyncIterator[int]:
    """Pass on what comes with TLS, one request and its answer for each connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, before = await asyncio.open_connection("127.0.0.1", port)
        head = await reader.readuntil(b"\r\n\r\n")
        before.write(head.replace(b"Connection: keep-alive", b"Connection: close"))
        writer.write(await behind.read())
        await writer.drain()
        for stream in (before, writer):
            stream.close()

    async with await asyncio.start_server(handle, "localhost", 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]
