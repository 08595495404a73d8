"""The port to pools of contract certificates, and the one that is reached over HTTP."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import httpx2
import orjson

MOST_CONTRACTS = 8
"""More are not taken for one vehicle."""
MAX_RESPONSE = 512 * 1024
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


class Wanted(NamedTuple):
    """What a station asks for on behalf of a vehicle. The EXI texts are base64, and are not read here."""

    schema_version: str
    action: str
    """"Install" or "Update"."""
    exi_request: str
    most_contracts: int | None = None
    """How many the vehicle takes; None: one, it speaks ISO 15118-2."""
    preferred_emaids: tuple[str, ...] = ()
    """Of the contracts, in the order in which they are wanted."""


class PoolError(Exception):
    """The pool gives nothing; the text says why."""


class ContractPool(Protocol):
    """Where contract certificates come from."""

    async def responses(self, station_id: str, wanted: Wanted) -> Sequence[str]:
        """Return the CertificateInstallationRes of each contract, EXI in base64, in their order; at least one.

        Blocks as long as its caller lets it. Raises PoolError.
        """
        ...


class HttpPool:
    """Passes the question on, by HTTP: docs/certificates.md says what is sent, and what must come back."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def responses(self, station_id: str, wanted: Wanted) -> Sequence[str]:
        """Ask the pool; see `ContractPool`. Redirects are not followed."""
        question = {
            "station_id": station_id,
            "iso15118_schema_version": wanted.schema_version,
            "action": wanted.action,
            "exi_request": wanted.exi_request,
            "maximum_contract_certificate_chains": wanted.most_contracts,
            "prioritized_emaids": wanted.preferred_emaids,
        }
        try:
            content = await self._post(orjson.dumps(question))
        except (OSError, UnicodeError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise PoolError(f"the pool cannot be asked ({type(error).__name__})") from error
        return _read(content)

    async def _post(self, question: bytes) -> bytes:
        async with (
            httpx2.AsyncClient(trust_env=False, timeout=None) as client,
            client.stream("POST", self._url, content=question, headers=_HEADERS) as response,
        ):
            if response.status_code != httpx2.codes.OK:
                raise PoolError(f"the pool answered HTTP {response.status_code}")
            content = b""
            async for part in response.aiter_bytes():
                content += part
                if len(content) > MAX_RESPONSE:
                    raise PoolError("the pool's answer is too long")
        return content


def _read(content: bytes) -> Sequence[str]:
    try:
        answer: Any = orjson.loads(content)
        found = [str(each) for each in answer["exi_responses"]]
        for each in found:
            base64.b64decode(each, validate=True)
    except (orjson.JSONDecodeError, TypeError, KeyError, binascii.Error, ValueError) as error:
        raise PoolError("the pool's answer makes no sense") from error
    if not found or not all(found):
        raise PoolError("the pool has no contract for this vehicle")
    return found[:MOST_CONTRACTS]
