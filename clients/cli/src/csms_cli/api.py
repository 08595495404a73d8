"""The HTTP API as commands use it."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import quote

import httpx2

from csms_cli.errors import CommandError
from csms_cli.profiles import Target

_TIMEOUT = httpx2.Timeout(700, connect=10)
"""A call may wait for its station for ten minutes."""
_QUIET_S = 60.0
"""A stream of events says something every 15 s: one that is silent for longer is broken."""
_MOST_OF_A_PAGE = 1000
_PAUSE_S = 2.0
_CLIENT_ERROR, _SERVER_ERROR = 400, 500


class Api:
    """A server. Methods raise CommandError with what the server says, or why it cannot be reached."""

    def __init__(self, target: Target) -> None:
        self._url = target.url
        headers = {"Authorization": f"Bearer {target.api_key}", "User-Agent": "csms-cli"}
        self._client = httpx2.Client(base_url=f"{target.url}/api/v1", headers=headers, timeout=_TIMEOUT)

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401 any JSON value
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # noqa: ANN401 as above
        """Return the JSON value that is answered; None when nothing is."""
        with self._reaching():
            answer = self._client.request(method, path, json=body, params=_given(params), headers=headers)
        _check(answer)
        return answer.json() if answer.content else None

    def get(self, path: str, **params: Any) -> Any:  # noqa: ANN401 a JSON value
        """Return what a GET answers."""
        return self.call("GET", path, params=params)

    def items(self, path: str, most: int | None, **params: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 parameters
        """Yield the items of a list, `most` at most; None: all, page after page."""
        cursor: str | None = None
        while most is None or most > 0:
            limit = _MOST_OF_A_PAGE if most is None else min(most, _MOST_OF_A_PAGE)
            page = self.get(path, **params, limit=limit, cursor=cursor)
            yield from page["items"]
            cursor = page["next_cursor"]
            most = None if most is None else most - len(page["items"])
            if cursor is None:
                return

    def download(self, path: str, to: IO[bytes], **params: Any) -> int:  # noqa: ANN401 parameters
        """Write an answer of any size to a file as it comes; return how many bytes there were."""
        size = 0
        with self._reaching(), self._client.stream("GET", path, params=_given(params)) as answer:
            if answer.status_code >= _CLIENT_ERROR:
                answer.read()
                _check(answer)
            for part in answer.iter_bytes():
                size += to.write(part)
        return size

    def follow(self, path: str, last_id: str | None, **params: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 parameters
        """Yield the events of a stream with their ids, for ever: where it breaks, it goes on behind the last one."""
        while True:
            headers = {"Accept": "text/event-stream", **({} if last_id is None else {"Last-Event-ID": last_id})}
            try:
                for key, data in self._stream(path, headers, params):
                    last_id = key or last_id
                    if data:
                        yield last_id or "", json.loads(data)
            except (httpx2.TransportError, json.JSONDecodeError):
                pass  # it is asked for again
            time.sleep(_PAUSE_S)

    def _stream(self, path: str, headers: Mapping[str, str], params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield id and data of each event (HTML, 9.2.6)."""
        timeout = httpx2.Timeout(_QUIET_S, connect=10)
        with self._client.stream("GET", path, params=_given(params), headers=headers, timeout=timeout) as answer:
            if answer.status_code >= _CLIENT_ERROR:
                answer.read()
                if answer.status_code < _SERVER_ERROR:
                    _check(answer)
                return
            key, data = "", list[str]()
            for line in answer.iter_lines():
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if name == "id":
                    key = value
                elif name == "data":
                    data.append(value)
                elif not line:
                    yield key, "\n".join(data)
                    data.clear()

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx2.TransportError as error:
            raise CommandError(f"{self._url} cannot be reached: {error or type(error).__name__}") from error


def path(*parts: str) -> str:
    """Return a path of the API; parts may have any characters."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _given(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: _text(value) for name, value in (params or {}).items() if value is not None and value != []}


def _text(value: Any) -> Any:  # noqa: ANN401 a value of a parameter
    return str(value).lower() if isinstance(value, bool) else value


def _check(answer: httpx2.Response) -> None:
    if answer.status_code < _CLIENT_ERROR:
        return
    try:
        problem = answer.json()
        lines = [f"{problem['title']}: {problem['detail']}" if problem.get("detail") else str(problem["title"])]
        lines += [f"{one['in']} {one['pointer'] or '/'}: {one['detail']}" for one in problem.get("errors", ())]
        if problem.get("outcome"):
            lines.append(f"outcome {problem['outcome']}, call {problem.get('call_id')}")
    except (ValueError, KeyError, TypeError, AttributeError):
        lines = ["no answer of a CSMS"]
    raise CommandError(f"{answer.status_code} " + "\n  ".join(lines))
