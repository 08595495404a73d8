"""Logs: structlog, one line per event on stderr, for people or as JSON; the standard library's loggers come out alike.

A text from outside makes a terminal do nothing: its control characters are shown as escapes.

Loggers are `structlog.get_logger(__name__)`; `bound(station_id=..., correlation_id=...)` adds to all lines of a task.
Where traces are on, a line about what is recorded has its `trace_id`.
"""

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from typing import Literal, TextIO

import orjson
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from csms_runtime import tracing
from csms_runtime.ids import trace_id
from csms_runtime.texts import escaped_json, for_terminal

Format = Literal["console", "json"]

SECRET_KEYS = frozenset({"password", "password_digest", "authorization", "api_key", "secret_key"})
"""Keys whose values are never written, at any depth."""
_MASK = "***"
_QUIET = dict.fromkeys(
    ("aiokafka", "aiosqlite", "alembic", "httpcore2", "httpx2", "sqlalchemy", "urllib3", "uvicorn.access"),
    logging.WARNING,
) | {
    "opentelemetry.exporter": logging.ERROR,  # a warning for each try while the collector is away
    "uvicorn.error": logging.ERROR,  # a warning for each request that is none: anybody could fill disks
}
"""Least level of chatty libraries, raised further by the configured level. aiosqlite at debug shows stored values,
httpx2 at info whole URLs: their queries may hold secrets."""


def configure(level: str, log_format: Format, stream: TextIO | None = None) -> None:
    """Set up logging of the process; a later call replaces an earlier. `level`: debug, info, warning or error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    out = sys.stderr if stream is None else stream
    structlog.configure(
        processors=[*_SHARED, *_renderers(log_format, out)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    _configure_stdlib(number, log_format, out)


@contextmanager
def bound(**values: str) -> Iterator[None]:
    """Add these keys to every line logged inside, by this task and the tasks it starts."""
    with structlog.contextvars.bound_contextvars(**values):
        yield


def add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the id of the trace in hand, in a batch that of the line's station: a processor."""
    if tracing.active is not None and "trace_id" not in event:
        traceparent = tracing.active.traceparent(str(event.get("station_id", "")))
        if traceparent:
            event["trace_id"] = trace_id(traceparent)
    return event


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values of `SECRET_KEYS` (in any case) by asterisks: a processor."""
    for key, value in event.items():
        event[key] = _masked(key, value)
    return event


def _masked(key: object, value: object) -> object:
    if isinstance(key, str) and key.lower() in SECRET_KEYS:
        return _MASK
    if isinstance(value, Mapping):
        return {inner: _masked(inner, item) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(None, item) for item in value]
    return value


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    add_trace,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    mask_secrets,
]


def _renderers(log_format: Format, out: TextIO) -> list[Processor]:
    if log_format == "json":
        return [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ]
    # The plain formatter: the default one shows local variables, and those hold secrets.
    return [
        harmless,
        structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=_plain_traceback),
    ]


def harmless(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace control characters in all texts by escapes: a processor. Anything but a text is shown by its repr."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = for_terminal(value)
    return event


def _plain_traceback(out: TextIO, exc_info: ExcInfo) -> None:
    # Indented: an exception's text has line ends too, and must not look like a line of the log.
    text = StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    out.write("\n".join(f"    {for_terminal(line)}" for line in text.getvalue().split("\n")))


def _to_json(event: EventDict, **_options: object) -> str:
    return escaped_json(orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode())


def _configure_stdlib(level: int, log_format: Format, out: TextIO) -> None:
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(log_format, out)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, least))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    logging.captureWarnings(capture=True)
