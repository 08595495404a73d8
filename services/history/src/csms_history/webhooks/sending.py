"""Sends one message to a webhook's target: bounded in time and in what is read of the answer."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import NamedTuple

import httpx2

from csms_history.webhooks.targets import Refused, Resolve, SystemResolver, TargetRules, look_up

DEADLINE_S = 10.0
"""For all of it: looking the name up, connecting, sending, the beginning of the answer."""
_MOST_READ = 512
"""Bytes of the answer that are kept for people."""
_LONGEST_RETRY_S = 3600.0
_NOT_FOLLOWED = "redirects are not followed"
_USER_AGENT = "csms-webhooks"


class Sent(NamedTuple):
    """What became of an attempt."""

    ok: bool
    status: int | None
    """The HTTP status; None: there was no answer."""
    error: str = ""
    """Why it failed, for people; empty when it did not."""
    retry_after_s: float | None = None
    """How long the target asks to be left alone."""


class Sender:
    """Sends to the target of one webhook. It has connections of its own: nobody else's TLS names are on them."""

    def __init__(self, rules: TargetRules, tls: ssl.SSLContext, *, most: int, resolve: Resolve | None = None) -> None:
        """`most`: connections at a time. `resolve`: None: the system's resolver."""
        self._rules = rules
        self._system = SystemResolver()
        self._resolve = resolve or self._system
        self._client = httpx2.AsyncClient(
            verify=tls,
            trust_env=False,  # a proxy would look names up itself
            follow_redirects=False,
            timeout=DEADLINE_S,
            limits=httpx2.Limits(max_connections=most, max_keepalive_connections=1, keepalive_expiry=15.0),
        )

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Sent:
        """Send a message; any 2xx is success. Takes `DEADLINE_S` at most, raises nothing of the network's."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await self._send(url, body, headers)
        except Refused as error:
            return Sent(ok=False, status=None, error=f"refused: {error}")
        except TimeoutError:
            return Sent(ok=False, status=None, error=f"no answer within {DEADLINE_S:g} s")
        except (OSError, httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError) as error:
            return Sent(ok=False, status=None, error=f"{type(error).__name__}: {error}"[:_MOST_READ])

    async def close(self) -> None:
        """Close the connections."""
        self._system.close()
        await self._client.aclose()

    async def _send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Sent:
        target = await look_up(url, self._rules, self._resolve)
        told = {**headers, "Host": target.host, "User-Agent": _USER_AGENT, "Accept-Encoding": "identity"}
        extensions = {"sni_hostname": target.server_name}
        request = self._client.build_request("POST", target.url, content=body, headers=told, extensions=extensions)
        answer = await self._client.send(request, stream=True)
        try:
            if answer.is_success:
                return Sent(ok=True, status=answer.status_code)
            error = _NOT_FOLLOWED if answer.is_redirect else await _excerpt(answer)
            return Sent(ok=False, status=answer.status_code, error=error, retry_after_s=_retry_after(answer))
        finally:
            await answer.aclose()


async def _excerpt(answer: httpx2.Response) -> str:
    """Return the beginning of an answer's body."""
    read = b""
    async for part in answer.aiter_raw():
        read += part
        if len(read) >= _MOST_READ:
            break
    text = read[:_MOST_READ].decode(errors="replace")
    return "".join(character if character.isprintable() else " " for character in text).strip()


def _retry_after(answer: httpx2.Response) -> float | None:
    """Return what Retry-After says in seconds, at most `_LONGEST_RETRY_S`; None: nothing, or a date."""
    text = answer.headers.get("Retry-After", "")
    if not (text.isascii() and text.isdigit()):
        return None
    return min(float(text), _LONGEST_RETRY_S)  # a target may write any number
