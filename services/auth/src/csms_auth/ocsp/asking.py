"""Asks OCSP responders for stations. It runs beside the consumer, so that others need not wait for a slow responder."""

import asyncio
import base64
import contextlib
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import httpx2
import structlog
from csms_bus.ports import BusUnavailable, Outgoing
from csms_runtime import metrics
from csms_runtime.clock import now_ms, utcnow

from csms_auth.handlers.payloads import Found, JsonObject, Reason, Status
from csms_auth.handlers.turn import StatusAsked
from csms_auth.ocsp.addresses import Network, NotAllowed, target_of
from csms_auth.ocsp.question import BadResponse, Question

WORKERS = 8
QUEUE = 200
MOST_OF_STATION = 2
"""Messages with questions of one station that wait or are asked, at most."""
TIMEOUT_S = 8.0
MAX_RESPONSE = 64 * 1024
MOST_KEPT = 1_000
KEEP = timedelta(hours=1)
"""How long an answer is given again, if it is valid so long; stations of a fleet ask the same about the same CAs."""

_HEADERS = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
_REPLY_S = 0.5
"""The station is answered so many seconds before the gateway stops waiting."""

_log = structlog.get_logger(__name__)

Publish = Callable[[Sequence[Outgoing]], Awaitable[None]]


class StatusAsker:
    """Takes a limited number of questions, asks them, and publishes the replies. There is one per process."""

    def __init__(self, publish: Publish, allowed: Sequence[Network]) -> None:
        """`allowed`: networks that may be asked although they are not on the Internet."""
        self._publish = publish
        self._allowed = allowed
        self._queue: asyncio.Queue[StatusAsked] = asyncio.Queue(QUEUE)
        self._under_way: Counter[str] = Counter()
        self._resolving = ThreadPoolExecutor(WORKERS, thread_name_prefix="auth-ocsp")
        self._kept: OrderedDict[Question, tuple[bytes, datetime]] = OrderedDict()

    def take(self, asked: StatusAsked) -> bool:
        """Take a question, or return False when too many wait, of all stations or of this one."""
        station_id = asked.record.station_id
        if self._queue.full() or self._under_way.get(station_id, 0) >= MOST_OF_STATION:
            metrics.AUTH_STATUS_QUESTIONS.labels("too many").inc()
            return False
        self._under_way[station_id] += 1
        self._queue.put_nowait(asked)
        return True

    async def run(self, stop: asyncio.Event) -> None:
        """Ask until `stop` is set. Then answer the questions that are here, for 8 seconds at most."""
        async with asyncio.TaskGroup() as tasks:
            workers = [tasks.create_task(self._work(), name="auth-ocsp") for _ in range(WORKERS)]
            await stop.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TIMEOUT_S):
                    await self._queue.join()
            for worker in workers:
                worker.cancel()
        self._resolving.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        while True:
            asked = await self._queue.get()
            try:
                await self._publish([asked.answer(await self.response(asked))])
            except BusUnavailable as error:
                _log.warning("status not told", station_id=asked.record.station_id, error=str(error))
            except Exception:  # noqa: BLE001 what one station sent must not keep the others from being answered
                _log.exception("status not told", station_id=asked.record.station_id)
            finally:
                self._done(asked.record.station_id)

    def _done(self, station_id: str) -> None:
        self._queue.task_done()
        self._under_way[station_id] -= 1
        if not self._under_way[station_id]:
            del self._under_way[station_id]

    async def response(self, asked: StatusAsked) -> JsonObject:
        """Return the answer for the station. All that it asks about is asked at the same time."""
        deadline_ms = asked.record.station_call.deadline_ms
        left_s = (deadline_ms - now_ms()) / 1000 - _REPLY_S if deadline_ms else TIMEOUT_S
        within_s = max(0.0, min(left_s, TIMEOUT_S))
        found = await asyncio.gather(*(self._found(asked, question, within_s) for question in asked.questions))
        return asked.write(found)

    async def _found(self, asked: StatusAsked, question: Question | Reason, within_s: float) -> Found:
        if isinstance(question, Reason):
            return question
        try:
            async with asyncio.timeout(within_s):
                status = await self._status(question)
            _check_length(status, asked.most_result)
        except NotAllowed as error:
            return self._failed(asked, "not allowed", str(error))
        except TimeoutError:
            return self._failed(asked, "no answer", "the responder did not answer in time")
        except (OSError, UnicodeError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            return self._failed(asked, "no answer", f"the responder cannot be asked ({type(error).__name__})")
        except BadResponse as error:
            return self._failed(asked, "no status", str(error))
        metrics.AUTH_STATUS_QUESTIONS.labels("told").inc()
        return status

    async def _status(self, question: Question) -> Status:
        self._forget()
        if question in self._kept:
            return question.status(self._kept[question][0], utcnow())
        found = await self._ask(question)
        until = question.check(found, utcnow())
        if until is not None:
            self._kept[question] = found, min(until, utcnow() + KEEP)
        return question.status(found, utcnow())

    async def _ask(self, question: Question) -> bytes:
        target = await target_of(question.responder_url, self._allowed, self._resolving)
        # The name is not resolved again: what was judged is what is connected to. Redirects are not followed.
        async with (
            httpx2.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as client,
            client.stream(
                "POST",
                target.url,
                content=question.request(),
                headers=_HEADERS | {"Host": target.host_header},
                extensions={"sni_hostname": target.host},
            ) as response,
        ):
            if response.status_code != httpx2.codes.OK:
                raise BadResponse(f"the responder answered HTTP {response.status_code}")
            content = b""
            async for part in response.aiter_bytes():
                content += part
                if len(content) > MAX_RESPONSE:
                    raise BadResponse("the responder's answer is too long")
        return content

    def _forget(self) -> None:
        now = utcnow()
        for question in [each for each, (_, until) in self._kept.items() if until <= now]:
            del self._kept[question]
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def _failed(self, asked: StatusAsked, result: str, reason: str) -> Reason:
        metrics.AUTH_STATUS_QUESTIONS.labels(result).inc()
        _log.info("no certificate status", station_id=asked.record.station_id, reason=reason)
        return Reason("NotFound", reason)


def _check_length(status: Status, most_result: int | None) -> None:
    """Raise BadResponse for an answer that OCPP can't carry."""
    if most_result is not None and len(base64.b64encode(status.response)) > most_result:
        raise BadResponse("the responder's answer is too long for OCPP")
