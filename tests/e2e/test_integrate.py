"""The steps of docs/integrate.md lead where the page says."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path
from uuid import uuid4

from csms_testing.cluster.layout import free_port
from csms_testing.systems import System

PAGE = Path(__file__).parents[2] / "docs" / "integrate.md"
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BEFORE = 2
"""Blocks that start the system and say where it is: here it runs."""


async def test_every_step_of_the_page(system: System, tmp_path: Path) -> None:
    blocks = [(kind, ours(text, system)) for kind, text in BLOCK.findall(PAGE.read_text())]
    (tmp_path / "receiver.py").write_text("\n".join(text for kind, text in blocks if kind == "python"))
    script = "\n".join(["set -euo pipefail", *[text for kind, text in blocks if kind == "sh"][BEFORE:]])
    environment = {
        "PATH": os.environ["PATH"],
        "KEY": system.api_key,
        "API": f"{system.http_url}/api/v1",
        "OCPP": system.ocpp_urls[0],
    }
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, cwd=tmp_path, env=environment, start_new_session=True,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    said = b""
    try:
        async with asyncio.timeout(90):
            while part := await process.stdout.read(65536):
                said += part
                if b"event: transaction_started" in said:  # what the last step shows
                    break
    except TimeoutError:
        pass
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        said += await process.stdout.read()  # to its end: then the pipe is closed
        await process.wait()
    shown = said.decode(errors="replace")
    for expected in (
        '"ok":true',
        '"connected":true',
        "transaction_ended {",
        '"delivered"',
        "id,station_id,transaction_id,",
        "event: transaction_started",
    ):
        assert expected in shown, shown


PORT, NAME = free_port(), uuid4().hex[:8]


def ours(text: str, system: System) -> str:
    """A block with names of our own: others use the system, too."""
    name = f"{NAME}-{system.mode[0]}"
    text = text.replace("8088", str(PORT)).replace("my-app", f"my-app-{name}").replace("APP-USER-1", f"APP-{name}")
    text = text.replace("SIM-00001", f"INT-{name}-00001").replace("--stations 1", f"--stations 1 --prefix INT-{name}-")
    return text.replace(".venv/bin/csms-simulator", f"{sys.executable} -m csms_testing.simulator").replace(
        "python3", sys.executable
    )
