"""One service as an operating-system process: started with an environment, ready when its management port says so."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx2


class NotReadyError(Exception):
    """A process did not become ready in time, or ended before; the message names its log file."""


@dataclass(slots=True)
class ServiceProcess:
    """A service process. `start` and `stop` may be called again and again; the log file is appended to."""

    name: str
    module: str
    """What `python -m` runs."""
    environment: Mapping[str, str]
    management_port: int
    log_file: Path
    arguments: tuple[str, ...] = ("serve",)
    _process: Process | None = field(default=None, init=False)
    _wanted: bool = field(default=False, init=False)

    @property
    def management_url(self) -> str:
        """Where /healthz, /readyz and /metrics are."""
        return f"http://127.0.0.1:{self.management_port}"

    @property
    def http_url(self) -> str:
        """Where its HTTP API is."""
        return f"http://127.0.0.1:{self.environment['CSMS_HTTP_PORT']}"

    @property
    def died(self) -> bool:
        """Whether it was started and ended without being told to."""
        return self._wanted and self.pid is None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the process; does not wait until it is ready."""
        self._wanted = True
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.module,
                *self.arguments,
                env={**os.environ, **self.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def ready(self, deadline_s: float = 180) -> None:
        """Wait until `/readyz` answers 200. Raises NotReadyError."""
        url = f"http://127.0.0.1:{self.management_port}/readyz"
        detail = "no answer"
        async with httpx2.AsyncClient(timeout=2) as client:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(deadline_s):
                    while self.pid is not None:
                        try:
                            response = await client.get(url)
                        except httpx2.TransportError:
                            await asyncio.sleep(0.1)  # another process starts: nothing here can tell when
                            continue
                        if response.is_success:
                            return
                        detail = response.text
                        await asyncio.sleep(0.1)
        raise NotReadyError(f"{self.name} is not ready ({detail}); see {self.log_file}")

    async def stop(self, deadline_s: float = 20) -> None:
        """SIGTERM, and SIGKILL when it has not ended within the deadline."""
        self._wanted = False
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), deadline_s)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """SIGKILL, as a crash would be."""
        self._wanted = False
        if self._process is None or self._process.returncode is not None:
            return
        self._process.kill()
        await self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP: it answers nobody while its sockets stay open, until `thaw`."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGCONT)

    async def ended(self) -> int:
        """Wait until the process ends by itself; its return code."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return await self._process.wait()
