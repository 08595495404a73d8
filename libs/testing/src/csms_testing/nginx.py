"""A real nginx with a configuration of ours, before servers that say what reached them (Debian: nginx-light)."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx2

from csms_testing.cluster.layout import free_port

PATHS = [
    "/docs",
    "/api/v1/stations/CS1",
    "/api/v1/stations/CS1/calls/Reset",
    "/api/v1/stations/CS1/credentials",
    "/api/v1/stations/CS1/credentials/x",
    "/api/v1/stations/a%2Fb/remote-start",
    "/api/v1/stations/a%20b%C3%A4/meter-values?since=2026-01-01T00:00:00%2B01:00",
    "/api/v1/id-tokens",
    "/api/v1/id-tokens/ISO14443/DEADBEEF",
    "/api/v1/id-tokens-of-others",
    "/api/v1/transactions?station_id=/api/v1/gateway/",
    "/api/v1/outboxes/transactions/set-aside-records",
    "/api/v1/outboxes/auth/x",
    "/api/v1/outboxes/device-mgmt/x",
    "/api/v1/gateway/connections",
    "/api/v1//gateway/connections",
]
"""What of the HTTP API is asked of whoever distributes it: routes, and what only looks like one."""
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
_READY_S = 30.0


def nginx_requirement() -> str | None:
    """Say what is missing to run nginx; None when nothing is."""
    return None if shutil.which("nginx", path=_PATH) else "no nginx found (Debian: apt install nginx-light)"


@contextmanager
def echoing(name: str) -> Iterator[int]:
    """Run a server that answers each request with its own name, what it was asked, and how; yield its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            told = {"service": name, "path": self.path, "length": length, "headers": dict(self.headers)}
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 names that the library wants

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 as the library has it
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def nginx(configuration: str, directory: Path, services: Iterable[str]) -> Iterator[httpx2.Client]:
    """Run nginx on this machine, each service's place taken by an echoing server; yield a client that asks it.

    `configuration` is a whole nginx.conf; upstreams are blocks `upstream SERVICE { server HOST:PORT; ...`. Raises
    RuntimeError, with nginx' own words, when it takes the configuration for wrong or does not start.
    """
    port = free_port()
    with ExitStack() as stack:
        for service in services:
            echo = stack.enter_context(echoing(service))
            pattern = rf"(upstream {re.escape(service)} \{{ server )[^;]+;"
            configuration, found = re.subn(pattern, rf"\g<1>127.0.0.1:{echo};", configuration)
            if found != 1:
                raise RuntimeError(f"{found} upstreams are named {service}")
        local = configuration.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace("/tmp/", f"{directory}/")  # noqa: S108 the container's
        file = directory / "nginx.conf"
        file.write_text(local)
        checked(file)
        command = [*_command(file), "-g", "daemon off; master_process off;"]
        process = stack.enter_context(subprocess.Popen(command, env={"PATH": _PATH}, stderr=subprocess.PIPE))  # noqa: S603 Debian's
        stack.callback(process.terminate)
        client = stack.enter_context(httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30))
        _wait(client, process)
        yield client


def checked(file: Path) -> None:
    """Let nginx read a configuration. Raises RuntimeError with its words when that is wrong."""
    done = subprocess.run([*_command(file), "-t"], env={"PATH": _PATH}, capture_output=True, text=True, check=False)  # noqa: S603 Debian's
    if done.returncode:
        raise RuntimeError(done.stderr)


def _command(file: Path) -> list[str]:
    return [shutil.which("nginx", path=_PATH) or "nginx", "-p", str(file.parent), "-c", str(file), "-e", "stderr"]


def _wait(client: httpx2.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client.get("/")
        except httpx2.TransportError:
            time.sleep(0.05)  # another process starts: nothing here can tell when
        else:
            return
    process.kill()
    raise RuntimeError(f"nginx does not answer: {process.communicate()[1].decode()}")
