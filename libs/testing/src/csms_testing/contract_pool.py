"""A pool of contract certificates for tests: real HTTP, and the answers that a test gives it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson


class ContractPool:
    """Answers every question with the same contracts."""

    def __init__(self, *exi_responses: str) -> None:
        self.answer: Any = {"exi_responses": list(exi_responses)}
        """What is answered, any JSON."""
        self.status = "200 OK"
        self.silent = False
        """Takes questions and never answers."""
        self.questions: list[Any] = []
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/contracts"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            lengths = [int(value) for name, value in fields.items() if name.lower() == "content-length"]
            self.questions.append(orjson.loads(await reader.readexactly(lengths[0])))
            if self.silent:
                await reader.read()
            content = orjson.dumps(self.answer)
            lines = (f"HTTP/1.1 {self.status}", f"Content-Length: {len(content)}", "Connection: close", "", "")
            writer.write("\r\n".join(lines).encode() + content)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone
        finally:
            writer.close()


@asynccontextmanager
async def contract_pool(*exi_responses: str, port: int = 0) -> AsyncIterator[ContractPool]:
    """Serve a pool while the context is open; `port` 0: a free one."""
    pool = ContractPool(*exi_responses)
    server = await asyncio.start_server(pool.serve, "127.0.0.1", port)
    pool.port = server.sockets[0].getsockname()[1]
    async with server:
        yield pool
