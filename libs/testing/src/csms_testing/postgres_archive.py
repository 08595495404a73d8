"""A base backup of a local PostgreSQL, its write-ahead log since, and the way back to a moment."""

import contextlib
import shutil
import signal
import subprocess
from datetime import datetime
from pathlib import Path

from csms_testing.postgres import USER, LocalPostgres, as_user, binary

_SLOT = "csms_archive"
_STOP_DEADLINE_S = 30.0


class PostgresArchive:
    """Takes what a running server writes, from `begin` on. All methods block.

    The log is streamed (pg_receivewal), so that the server needs no other settings and no restart.
    """

    def __init__(self, server: LocalPostgres, directory: Path) -> None:
        """`directory` is made; programs that run as the server's user must be able to reach it."""
        self._server = server
        self._directory = directory
        self._base = directory / "base"
        self._log = directory / "wal"
        self._receiver: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Receive the log, and copy the database. Raises PostgresError."""
        for made in (self._directory, self._log):
            made.mkdir()
            self._give_to_server(made)
        slot = f"SELECT pg_create_physical_replication_slot('{_SLOT}', true)"  # keeps the log from now on
        self._server.run("psql", *self._where, "-d", "postgres", "-c", slot)
        command = [binary("pg_receivewal"), *self._where, "-D", str(self._log), "-S", _SLOT, "--synchronous"]
        with self._server.log_file.open("ab") as log:
            self._receiver = subprocess.Popen(  # noqa: S603 fixed program
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True, **as_user()
            )
        self._server.run("pg_basebackup", *self._where, "-D", str(self._base), "-X", "none", "--checkpoint=fast")

    def restore(self, moment: datetime) -> None:
        """Replace the server's data by what it was at a moment since `begin`, and start it. Raises PostgresError.

        Whatever was committed later is gone. The data that were there stay beside, in `data.before`.
        """
        self._server.stop()  # which waits until the log has been received
        self.close()
        self._server.data.rename(self._server.data.with_name("data.before"))
        self._base.rename(self._server.data)
        self._ask_for(moment)
        self._server.start()

    def close(self) -> None:
        """Receive no more."""
        receiver, self._receiver = self._receiver, None
        if receiver is not None and receiver.poll() is None:
            receiver.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                receiver.wait(_STOP_DEADLINE_S)
            receiver.kill()
            receiver.wait()

    @property
    def _where(self) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self._server.port), "-U", USER]

    def _ask_for(self, moment: datetime) -> None:
        """Say where the log is and how far to go. The newest file of the log is called partial."""
        lines = [
            f"restore_command = 'cp {self._log}/%f %p || cp {self._log}/%f.partial %p'",
            f"recovery_target_time = '{moment.isoformat()}'",
            "recovery_target_action = 'promote'",
        ]
        with (self._server.data / "postgresql.auto.conf").open("a") as settings:
            settings.write("\n".join(lines) + "\n")
        wanted = self._server.data / "recovery.signal"
        wanted.touch()
        self._give_to_server(wanted)

    def _give_to_server(self, path: Path) -> None:
        owner = self._server.log_file.parent.stat()
        shutil.chown(path, owner.st_uid, owner.st_gid)
