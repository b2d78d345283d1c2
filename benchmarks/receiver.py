"""A web server in a process of its own that takes every POST at once, and counts them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextmanager
def receiver(*, takes_s: float = 0.0) -> Iterator[str]:
    """Its address while it runs. takes_s: how long it thinks before it answers."""
    command = [sys.executable, "-m", "benchmarks.receiver", str(takes_s)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def count_of(address: str) -> int:
    """How many POSTs it has taken."""
    with urllib.request.urlopen(address) as answer:
        return int(answer.read())


class _Taker(asyncio.Protocol):
    """HTTP/1.1 with connections kept open, and no more of it than the benchmarks' clients use."""

    taken = 0
    takes_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            _, _, rest = head.partition(b"\r\ncontent-length:")
            length = int(rest.split(b"\r\n", 1)[0]) if rest else 0
            if len(self._received) < end + 4 + length:
                return
            self._received = self._received[end + 4 + length :]
            if head.startswith(b"post"):
                _Taker.taken += 1
                asyncio.get_running_loop().call_later(_Taker.takes_s, self._answer, b"ok")
            else:
                self._answer(str(_Taker.taken).encode())

    def _answer(self, body: bytes) -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s"
            % (len(body), body)
        )


async def _serve(takes_s: float) -> None:
    _Taker.takes_s = takes_s
    server = await asyncio.get_running_loop().create_server(_Taker, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
