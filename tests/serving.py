"""`tvm-snn serve` in a process of its own, for tests."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

SERVE = (sys.executable, "-c", "from tvm_snn.cli import main; main()", "serve", "--port", "0")


class Server:
    """A running server."""

    def __init__(
        self, command: Sequence[str], seconds: float, environment: Mapping[str, str] | None
    ) -> None:
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
        )
        self.said = ""
        self.address = self._wait(time.monotonic() + seconds)

    def _wait(self, deadline: float) -> str:
        output = self.process.stdout
        assert output is not None
        while time.monotonic() < deadline:
            if not select.select([output], [], [], 1)[0]:
                continue
            said = os.read(output.fileno(), 1 << 16)
            self.said += said.decode()
            match = re.search(r"serving at (\S+)\n", self.said)
            if match:
                return match[1]
            if not said:
                break
        self.kill()
        raise AssertionError(f"the server did not start: {self.said}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)


def children(process: int) -> list[int]:
    """Return the processes that one has started: for a server, its session."""
    listed = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for path in listed for child in path.read_text().split()]


@contextmanager
def serving(
    command: Sequence[str] = SERVE,
    seconds: float = 120,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server that is gone when the block ends."""
    server = Server(command, seconds, environment)
    try:
        yield server
    finally:
        server.kill()


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started in a session of its own, and all that it started."""
    # It may have been ended before.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
