import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog
from csms_runtime.logging import Format, bound, configure


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


SECRET = "s3cret"


def fail(password: str, text: str = "boom") -> None:
    raise ValueError(text if password else "")


def lines(log_format: Format, write: str = "info") -> list[str]:
    out = io.StringIO()
    configure(write, log_format, out)
    log = structlog.get_logger("test")
    log.debug("hidden")
    with bound(station_id="CS1"):
        log.info("hello", password=SECRET, nested={"Authorization": SECRET, "list": [{"api_key": SECRET}]})
    logging.getLogger("uvicorn.error").error("from %s", "uvicorn")
    logging.getLogger("uvicorn.error").warning("chatter: Invalid HTTP request received.")
    logging.getLogger("aiokafka.client").info("chatter")
    logging.getLogger("httpx2").info("HTTP Request: POST https://hook.example/?token=%s", SECRET)
    logging.getLogger("httpcore2.http11").info("chatter")
    try:
        fail(SECRET)
    except ValueError:
        log.exception("failed")
        logging.getLogger("asyncio").exception("failed too")
    return out.getvalue().splitlines()


def test_json() -> None:
    found = [json.loads(line) for line in lines("json")]
    assert [event["event"] for event in found] == ["hello", "from uvicorn", "failed", "failed too"]
    assert found[0]["station_id"] == "CS1"
    assert found[0]["password"] == "***"
    assert found[0]["nested"] == {"Authorization": "***", "list": [{"api_key": "***"}]}
    assert found[0]["timestamp"].endswith("Z")
    assert found[1]["level"] == "error"
    assert "ValueError: boom" in found[2]["exception"]
    assert "ValueError: boom" in found[3]["exception"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_secrets(log_format: Format) -> None:
    found = lines(log_format)
    assert any("hello" in line for line in found)
    assert not any(SECRET in line for line in found)


HARMFUL = "CS1\x1b[2J\r\nINFO all is well\x9b31m\u202e"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_control_characters(log_format: Format) -> None:
    out = io.StringIO()
    configure("info", log_format, out)
    log = structlog.get_logger("test")
    log.info(HARMFUL, station_id=HARMFUL, nested={"a": [HARMFUL]}, raw=HARMFUL.encode(), odd=HARMFUL)
    logging.getLogger("asyncio").warning("from %s", HARMFUL)
    try:
        fail(HARMFUL, HARMFUL)
    except ValueError:
        log.exception("failed", station_id=HARMFUL)
    text = out.getvalue()
    assert not {"\x1b", "\r", "\x9b", "\u202e"} & set(text)
    assert not any(line.startswith("INFO") for line in text.splitlines())
    assert "Traceback" in text
    if log_format == "json":
        assert json.loads(text.splitlines()[0])["station_id"] == HARMFUL


def test_level() -> None:
    assert not any("hello" in line for line in lines("console", "warning"))
    assert any("hidden" in line for line in lines("console", "debug"))


def test_configured_twice_logs_once() -> None:
    configure("info", "json", io.StringIO())
    assert len(lines("json")) == 4


def test_what_json_cannot_hold_does_not_lose_the_line() -> None:
    out = io.StringIO()
    configure("info", "json", out)
    structlog.get_logger("test").info("odd", value=object(), key={1: b"x"})
    assert json.loads(out.getvalue())["event"] == "odd"


def test_warnings_are_logged() -> None:
    out = io.StringIO()
    configure("info", "json", out)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("careful", UserWarning, stacklevel=1)
    assert "careful" in out.getvalue()


def test_what_is_stored_does_not_appear_in_debug_lines() -> None:
    configure("debug", "json", io.StringIO())
    assert not logging.getLogger("aiosqlite").isEnabledFor(logging.DEBUG)
