"""TLS in front of an HTTP address, as an ingress ends it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from csms_testing.pki import Pki

_READ_BYTES = 64 * 1024


@asynccontextmanager
async def tls_front(url: str, pki: Pki) -> AsyncIterator[str]:
    """Pass on to `url`, an http address without a path, what comes with TLS while the context is open; yields its URL.

    The server certificate is of the test root, for localhost.
    """
    behind = urlsplit(url)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pki.servers[1].certificate, pki.servers[1].key)
    open_now: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            open_now.add(task)
            task.add_done_callback(open_now.discard)
        to_reader, to_writer = await asyncio.open_connection(behind.hostname, behind.port)
        with suppress(OSError):
            await asyncio.gather(_pass_on(reader, to_writer), _pass_on(to_reader, writer))

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
        for task in open_now:
            task.cancel()
    await asyncio.gather(*open_now, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while some := await reader.read(_READ_BYTES):
        writer.write(some)
        await writer.drain()
    writer.close()
