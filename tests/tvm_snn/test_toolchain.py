import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tvm_snn import toolchain
from tvm_snn.errors import TargetError
from tvm_snn.files import alone, cache_folder
from tvm_snn.toolchain import ZIG, run_tool, uses_zig


def test_what_a_tool_says_and_how_it_ends(tmp_path: Path) -> None:
    script = "import os, sys; print(os.getcwd()); sys.exit('wrong')"
    done = run_tool([sys.executable, "-c", script], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, f"{tmp_path}\n", "wrong\n")
    with pytest.raises(OSError, match="no-such-tool"):
        run_tool(["no-such-tool"])


def test_a_tool_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "_SECONDS", 0.5)
    with pytest.raises(TargetError, match=r"had not ended after 0\.5 s"):
        run_tool([sys.executable, "-c", "import time; time.sleep(60)"])


def test_zig_waits_for_the_zig_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    runs: list[object] = []
    ended = subprocess.CompletedProcess([], 0, "", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: runs.append(None) or ended)
    waiting = threading.Thread(target=run_tool, args=([*ZIG, "version"],))
    with alone(cache_folder("zig") / "lock"):
        waiting.start()
        run_tool(["cc", "--version"])
        waiting.join(0.2)
        assert len(runs) == 1, "the system's compiler waits for nobody"
    waiting.join(60)
    assert len(runs) == 2


def test_which_commands_start_zig() -> None:
    assert uses_zig([*ZIG, "cc", "-c", os.devnull])
    assert not uses_zig(["cc", "-o", "ziglang"])
    assert not uses_zig(["cc"])
