"""Certificates, keys and authorities in files that are replaced while the process runs."""

import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from csms_runtime import metrics

_log = structlog.get_logger(__name__)

Version = tuple[int, int, int] | None


def version_of(path: Path) -> Version:
    """Return a value that changes when the file changes, or what a link leads to; None when there is no file.

    Kubernetes replaces mounted secrets by pointing the link `..data`, over which each file is reached, elsewhere.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    # A new file may be older than the one it replaces. What may read it changes the third number alone.
    return found.st_mtime_ns, found.st_ino, found.st_ctime_ns


class _Following(ssl.SSLContext):
    """A context that hands each connection to one that was made of the files as they are."""

    made: ssl.SSLContext
    make: Callable[[], ssl.SSLContext]
    files: Sequence[Path]
    versions: list[Version]
    whose: str

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:  # noqa: ANN401 ssl's
        """See SSLContext; asyncio and uvloop call it for each connection."""
        versions = list(map(version_of, self.files))
        if versions != self.versions:
            self._read_again(versions)
        return self.made.wrap_bio(*args, **options)

    def _read_again(self, versions: list[Version]) -> None:
        try:
            self.made = self.make()
        except (OSError, ValueError) as error:  # one of them is not written yet: the next connection tries again
            _log.error("TLS files cannot be used; the former ones stay", whose=self.whose, error=str(error))
            metrics.TLS_FILES_READ.labels(self.whose, "failed").inc()
            metrics.TLS_FILES_USABLE.labels(self.whose).set(0)
            return
        self.versions = versions
        metrics.TLS_FILES_READ.labels(self.whose, "done").inc()
        metrics.TLS_FILES_USABLE.labels(self.whose).set(1)
        _log.info("TLS files read again", whose=self.whose)


def following(make: Callable[[], ssl.SSLContext], files: Sequence[Path], whose: str) -> ssl.SSLContext:
    """Return a context for a client's connections, each of which is made with what the files hold then.

    So a client that lives long connects anew with new certificates, and trusts new authorities. Files that cannot be
    used are logged and counted; the former ones stay in use. `whose` names the client in log and metrics. Looking at a
    file takes some microseconds, for each new connection.

    Raises what `make` raises, now.
    """
    versions = list(map(version_of, files))
    made = make()
    if not files:
        return made
    context = _Following(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = made.check_hostname, made.verify_mode
    context.made, context.make, context.files = made, make, tuple(files)
    context.versions, context.whose = versions, whose
    metrics.TLS_FILES_USABLE.labels(whose).set(1)
    return context
