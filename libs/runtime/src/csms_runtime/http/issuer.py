"""The public keys of an OpenID Connect issuer: found by discovery, cached, asked for again within bounds."""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import jwt
import orjson
import structlog

from csms_runtime.settings import is_protected_url

REFRESH_PAUSE_S = 10.0
"""The issuer is asked for its keys at most this often, whatever keys tokens name."""
MAX_AGE_S = 600.0
"""When the keys are asked for again although all tokens' keys are known: the issuer may have withdrawn one."""
KEEP_S = 86_400.0
"""How long keys count while the issuer cannot be asked."""
_TIMEOUT_S = 5.0
_MAX_BYTES = 1_000_000
_MIN_RSA_BITS = 2048
_KEY_TYPES = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
ALGORITHMS = frozenset(_KEY_TYPES)
"""How a token may be signed."""

_log = structlog.get_logger(__name__)


class IssuerUnavailable(Exception):  # noqa: N818 says what is the case
    """The issuer cannot be asked and its key is not known, so that nobody can tell whether a token is good."""


class UnknownKey(Exception):  # noqa: N818 as above
    """The issuer has no such key, or none that fits the algorithm."""


class IssuerKeys:
    """The keys of one issuer. Close it in the end.

    `ca_file` holds the CAs of its certificate in PEM; None: the system's. `clock` gives seconds that only grow.
    """

    def __init__(
        self, issuer: str, *, ca_file: Path | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._ca_file = ca_file
        self._clock = clock
        self._keys: list[Mapping[str, Any]] = []
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> jwt.PyJWK:
        """Return the key of a token's header. Raises UnknownKey, IssuerUnavailable."""
        key = self._known(key_id, algorithm)
        if key is None:
            await self._fetched()
            key = self._known(key_id, algorithm)
        elif self._age() > MAX_AGE_S:
            self._fetch_soon()
        if key is not None:
            return key
        if self._failed:
            raise IssuerUnavailable(f"the keys of {self._issuer} cannot be had")
        raise UnknownKey

    async def close(self) -> None:
        """End a request under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            with suppress(asyncio.CancelledError):
                await self._fetching

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._clock() - self._fetched_at

    def _known(self, key_id: str | None, algorithm: str) -> jwt.PyJWK | None:
        if self._age() > KEEP_S:
            return None
        fitting = [key for key in self._keys if _fits(key, algorithm)]
        if key_id is not None:
            fitting = [key for key in fitting if key.get("kid") == key_id]
        # Without an id the token's key is known only where there is just one.
        return _usable(fitting[0], algorithm) if len(fitting) == 1 else None

    async def _fetched(self) -> None:
        """Ask the issuer, or wait while it is being asked; not again when that was a moment ago."""
        self._fetch_soon()
        if self._fetching is not None and not self._fetching.done():
            await asyncio.shield(self._fetching)

    def _fetch_soon(self) -> None:
        if self._fetching is not None and not self._fetching.done():
            return
        now = self._clock()
        if self._tried_at is None or now - self._tried_at >= REFRESH_PAUSE_S:
            self._tried_at = now
            self._fetching = asyncio.create_task(self._fetch(), name="oidc-keys")

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                self._keys = await _keys_of(self._issuer, self._ca_file)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            self._failed = True
            _log.warning("the issuer's keys cannot be had", issuer=self._issuer, error=repr(error))
        else:
            self._failed = False
            self._fetched_at = self._clock()
            _log.info("the issuer's keys are known", issuer=self._issuer, keys=len(self._keys))


async def _keys_of(issuer: str, ca_file: Path | None) -> list[Mapping[str, Any]]:
    """Raises httpx2's errors, OSError, ValueError."""
    trusted = ssl.create_default_context(cafile=ca_file)
    async with httpx2.AsyncClient(verify=trusted, timeout=_TIMEOUT_S, follow_redirects=False) as client:
        found = await _json(client, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise ValueError("the discovery document is another issuer's")
        address = found.get("jwks_uri")
        if not isinstance(address, str) or not is_protected_url(address):
            raise ValueError("the discovery document names no jwks_uri with https")
        keys = (await _json(client, address)).get("keys")
    if not isinstance(keys, list):
        raise ValueError("no key set")  # noqa: TRY004 as every answer that cannot be used
    return [key for key in keys if isinstance(key, dict)]


async def _json(client: httpx2.AsyncClient, url: str) -> dict[str, Any]:
    content = b""
    async with client.stream("GET", url, headers={"Accept": "application/json"}) as response:
        if response.status_code != 200:  # noqa: PLR2004 a redirect is no answer either
            raise ValueError(f"{url} answered {response.status_code}")
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > _MAX_BYTES:
                raise ValueError(f"{url} answered too much")
    document = orjson.loads(content)
    if not isinstance(document, dict):
        raise ValueError(f"{url} is no JSON object")  # noqa: TRY004 as above
    return document


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    """Whether a key is meant for signatures of this kind."""
    return (
        key.get("kty") == _KEY_TYPES[algorithm]
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (algorithm != "ES256" or key.get("crv") == "P-256")
    )


def _usable(key: Mapping[str, Any], algorithm: str) -> jwt.PyJWK | None:
    try:
        usable = jwt.PyJWK(dict(key), algorithm)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        _log.warning("the issuer has a key that cannot be read", error=type(error).__name__)
        return None
    size = getattr(usable.key, "key_size", 0)
    return usable if algorithm == "ES256" or size >= _MIN_RSA_BITS else None
