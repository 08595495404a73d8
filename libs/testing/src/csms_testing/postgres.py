"""A PostgreSQL server of the machine's own installation, in a directory of its own: for tests and `make cluster`.

`python -m csms_testing.postgres --port 5432 --data-dir data/postgres` runs one in the foreground.
"""

import argparse
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

USER = "csms"
DATABASE = "csms"
_SYSTEM_USER = "postgres"
"""Whom the server runs as when we are root, which it refuses to be."""
_START_DEADLINE_S = 60.0
_STOP_DEADLINE_S = 30.0
_FAST = ("fsync=off", "full_page_writes=off")
"""Commits still reach the operating system, so that they outlive a killed server."""


class PostgresError(Exception):
    """The server could not be installed, started or stopped; the message holds the end of its log."""


def postgres_requirement() -> str | None:
    """Say what is missing to run PostgreSQL; None when nothing is."""
    if _bindir() is None:
        return "no PostgreSQL server found (Debian: apt install postgresql; or set CSMS_TEST_DATABASE_URL)"
    if os.geteuid() == 0 and not _system_user():
        return f"PostgreSQL refuses to run as root, and there is no user {_SYSTEM_USER}"
    return None


class LocalPostgres:
    """A server on 127.0.0.1 with an empty database `csms`. Blocks while it starts and stops (about a second).

    `directory` keeps the data; without one it is temporary and removed by `close`. `durable=False` turns fsync off:
    fine as long as the machine does not crash. Everyone on this machine may log in: for tests and development only.
    """

    def __init__(self, directory: Path | None = None, *, port: int = 0, durable: bool = True) -> None:
        self.port = port or _free_port()
        self._temporary = directory is None
        self._home = Path(tempfile.mkdtemp(prefix="csms-postgres-")) if directory is None else directory.resolve()
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """URL of the database, as CSMS_DATABASE_URL takes it."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def log_file(self) -> Path:
        """What the server wrote."""
        return self._home / "postgres.log"

    @property
    def pid(self) -> int | None:
        """Process id of the server while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start and wait until connections are accepted; installs first when there is no data. Raises PostgresError."""
        if self.pid is not None:
            return
        first = not (self.data / "PG_VERSION").exists()
        if first:
            self._install()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 fixed program
                self._command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, **as_user()
            )
        self._guard = _guard(self._process.pid)
        self._wait_until_ready()
        if first:
            self.run("createdb", "-h", str(self._home), "-p", str(self.port), "-U", USER, DATABASE)

    def stop(self) -> None:
        """Stop as an administrator would: clients are disconnected, data is flushed."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_DEADLINE_S)
        self.kill()

    def kill(self) -> None:
        """Stop as a crash would: the server and its children at once."""
        if self._process is not None and self._process.poll() is None:
            children = _children(self._process.pid)
            self._process.kill()
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            self._process.wait(_STOP_DEADLINE_S)
            (self.data / "postmaster.pid").unlink(missing_ok=True)  # its shared memory is gone with the children
        self._dismiss_guard()

    def freeze(self) -> None:
        """Make the server answer nobody while its sockets stay open, until `thaw`."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """End a `freeze`."""
        self._signal_all(signal.SIGCONT)

    def close(self) -> None:
        """Stop, and remove a temporary directory."""
        self.stop()
        if self._temporary:
            shutil.rmtree(self._home, ignore_errors=True)

    def wait(self) -> int:
        """Wait until the server ends; returns its exit status."""
        return 0 if self._process is None else self._process.wait()

    @property
    def data(self) -> Path:
        """The server's data directory."""
        return self._home / "data"

    def _install(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        user = _system_user()
        if user is not None:
            shutil.chown(self._home, user.pw_uid, user.pw_gid)
        sync = [] if self._durable else ["--no-sync"]
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", f"--username={USER}", *sync]
        self.run("initdb", "-D", str(self.data), *options)

    def _command(self) -> list[str]:
        settings = [
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self._home}",
            "max_connections=200",
            *([] if self._durable else _FAST),
        ]
        options = [part for setting in settings for part in ("-c", setting)]
        return [binary("postgres"), "-D", str(self.data), "-p", str(self.port), *options]

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the server's user. Raises PostgresError."""
        command = [binary(program), *arguments]
        done = subprocess.run(command, capture_output=True, check=False, cwd="/", **as_user())  # noqa: S603
        if done.returncode != 0:
            raise PostgresError(f"{program} failed: {done.stderr.decode(errors='replace').strip()}")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_DEADLINE_S
        while not self._says_ready():
            if self.pid is None or time.monotonic() > deadline:
                self.kill()
                raise PostgresError(f"PostgreSQL did not start: {self._log_end()}")
            time.sleep(0.02)  # the file changes without telling anyone

    def _says_ready(self) -> bool:
        """Whether line 8 of postmaster.pid says so, which is what pg_ctl waits for."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"  # noqa: PLR2004

    def _dismiss_guard(self) -> None:
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None

    def _signal_all(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            for pid in (self._process.pid, *_children(self._process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def _log_end(self) -> str:
        return self.log_file.read_text(errors="replace")[-2000:] if self.log_file.exists() else "no log"


def _bindir() -> Path | None:
    """The directory of the newest installed server."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    for program in ("postgres", "initdb"):
        found = shutil.which(program)
        if found:
            candidates.append(Path(found).resolve().parent)
    config = shutil.which("pg_config")
    if config:
        told = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)  # noqa: S603
        candidates.append(Path(told.stdout.strip()))
    return next((path for path in candidates if (path / "initdb").exists() and (path / "postgres").exists()), None)


def _version(bindir: Path) -> float:
    try:
        return float(bindir.parent.name)
    except ValueError:
        return 0.0


def binary(program: str) -> str:
    """Return the path of one of PostgreSQL's programs. Raises PostgresError."""
    bindir = _bindir()
    if bindir is None:
        raise PostgresError(str(postgres_requirement()))
    return str(bindir / program)


def _system_user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(_SYSTEM_USER)
    return None


def as_user() -> dict[str, Any]:
    """What makes subprocess run a program as the system user, when we are root."""
    user = _system_user()
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _guard(pid: int) -> subprocess.Popen[bytes]:
    """Start what stops the server when this process dies without doing so: its end of the pipe closes then."""
    script = ["sh", "-c", 'cat >/dev/null; kill -INT "$1"', "sh", str(pid)]
    return subprocess.Popen(script, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)  # noqa: S603


def _children(pid: int) -> list[int]:
    """The processes a server started; each is in a session of its own, so that no group holds them all."""
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return [int(line) for line in told.stdout.split()]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    """Run a server in the foreground until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m csms_testing.postgres", description=main.__doc__)
    parser.add_argument("--port", type=int, default=5432, help="TCP port on 127.0.0.1; 0: any free one")
    parser.add_argument("--data-dir", type=Path, help="directory to keep the data in; temporary when not given")
    arguments = parser.parse_args()
    server = LocalPostgres(arguments.data_dir, port=arguments.port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.start()
        sys.stdout.write(f"PostgreSQL is at {server.url}\n")
        sys.stdout.flush()
        sys.exit(server.wait())
    except KeyboardInterrupt:
        sys.stdout.write("stopping\n")
    except PostgresError as error:
        sys.exit(str(error))
    finally:
        server.close()


if __name__ == "__main__":
    main()
