"""Apache Kafka's jars, as deploy/kafka-local/pom.xml names them: fetched once with Maven, kept in .cache/kafka."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[4]
_POM = _ROOT / "deploy" / "kafka-local" / "pom.xml"
_CACHE = _ROOT / ".cache" / "kafka"
_MAVEN_TIMEOUT_S = 600


class KafkaError(Exception):
    """The broker could not be fetched, started or stopped; the message holds the end of the output."""


def kafka_requirement() -> str | None:
    """Say what is missing to run Apache Kafka; None when nothing is."""
    if not _POM.is_file():
        return "Apache Kafka is started from a source checkout only (or set CSMS_TEST_KAFKA)"
    if shutil.which("java") is None:
        return "no java found (Debian: apt install openjdk-17-jre-headless; or set CSMS_TEST_KAFKA)"
    if not _directory().is_dir() and shutil.which("mvn") is None:
        return "no mvn found to fetch Apache Kafka with (Debian: apt install maven; or set CSMS_TEST_KAFKA)"
    return None


def kafka_jars() -> Path:
    """Return the directory with the jars; fetches them the first time, which takes some seconds and needs the network.

    Safe for several processes at once. Raises KafkaError.
    """
    directory = _directory()
    if directory.is_dir():
        return directory
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.is_dir():
            _fetch(directory)
    return directory


def _directory() -> Path:
    """The name depends on the POM's content: a changed POM means other jars."""
    return _CACHE / hashlib.sha256(_POM.read_bytes()).hexdigest()[:16]


def _fetch(directory: Path) -> None:
    print("Fetching Apache Kafka with Maven (once) ...", file=sys.stderr)  # noqa: T201 takes long enough to be told
    partial = Path(tempfile.mkdtemp(dir=_CACHE))
    command = ["mvn", "-B", "-q", "-f", str(_POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    command.append(f"-DoutputDirectory={partial}")
    try:
        done = subprocess.run(  # noqa: S603 fixed program
            command, capture_output=True, text=True, timeout=_MAVEN_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode != 0:
            raise KafkaError(f"mvn failed:\n{(done.stdout + done.stderr)[-2000:]}")
        partial.rename(directory)
    except subprocess.TimeoutExpired as error:
        raise KafkaError(f"mvn did not end within {_MAVEN_TIMEOUT_S} s") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
