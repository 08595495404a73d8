"""What stands against starting is told in one line."""

import subprocess
import sys

import pytest
from csms_runtime.settings import RuntimeSettings
from csms_runtime.starting import CannotStart, TaskDied, read, reason


def died(cause: Exception) -> TaskDied:
    error = TaskDied("background task gateway ended")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CannotStart("the port is taken"), "the port is taken"),
        (ExceptionGroup("tasks", [KeyError("x"), CannotStart("the port is taken")]), "the port is taken"),
        (died(ExceptionGroup("tasks", [CannotStart("the port is taken")])), "the port is taken"),
        (FileNotFoundError(2, "No such file or directory", "/tls/ca.pem"), "/tls/ca.pem: No such file or directory"),
        (OSError(28, "No space left on device"), None),
        (died(KeyError("x")), None),
        (KeyError("x"), None),
    ],
)
def test_reason(error: Exception, said: str | None) -> None:
    assert reason(error) == said


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("CSMS_HTTP_PORT", "many", "CSMS_HTTP_PORT: "),
        ("CSMS_API_KEYS", '[{"name": "x", "sha256": "y", "scopes": ["read"]}]', "CSMS_API_KEYS[0][sha256]: "),
        ("CSMS_API_KEYS", "no json", "api_keys"),
        ("CSMS_OIDC_ISSUER", "https://issuer.example", "CSMS_OIDC_ISSUER needs CSMS_OIDC_AUDIENCE"),
    ],
)
def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(CannotStart) as caught:
        read(RuntimeSettings)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_secrets_among_wrong_settings_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSMS_SECRET_KEY", "t0p")
    with pytest.raises(CannotStart, match="CSMS_SECRET_KEY") as caught:
        read(RuntimeSettings)
    assert "t0p" not in str(caught.value)


PROGRAM = """
import asyncio
from csms_runtime import lifecycle, logging
from csms_runtime.starting import CannotStart
logging.configure("info", "json")
async def fails(stop):
    raise {error}
async def behind(stop):
    async with lifecycle.Supervisor(stop) as tasks:
        tasks.start("gateway", fails(stop))
        await stop.wait()
lifecycle.run({main})
"""


def ended(main: str, error: str) -> str:
    """What a process writes that ends with an error, here or in a task."""
    program = [sys.executable, "-c", PROGRAM.format(main=main, error=error)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 ours
    assert done.returncode == 1
    return done.stdout + done.stderr


@pytest.mark.parametrize("main", ["fails", "behind"])
def test_a_process_tells_it_in_one_line(main: str) -> None:
    (line,) = ended(main, "CannotStart('the port is taken')").splitlines()
    assert "the port is taken" in line
    assert "Traceback" not in line


def test_another_error_is_told_with_its_traceback() -> None:
    assert "Traceback" in ended("fails", "KeyError('a bug')")
