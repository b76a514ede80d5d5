import os
import stat
from pathlib import Path

import pytest

from tvm_snn.errors import SnnError
from tvm_snn.files import cache_folder, replacing


def _write(path: Path, text: str, error: Exception | None = None) -> None:
    with replacing(path) as temporary:
        Path(temporary).write_text(text)
        if error:
            raise error


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError):
        _write(path, "half", RuntimeError("interrupted"))
    assert path.read_text() == "old"
    _write(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_link_points_to_is_replaced_and_not_the_link(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to(path)
    _write(link, "new")
    assert link.is_symlink()
    assert path.read_text() == "new"


def test_what_is_no_regular_file_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(OSError, match="no regular file"):
            _write(path, "new")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_the_cache_is_where_the_environment_says(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("rtl") == tmp_path / "tvm_snn" / "rtl"
    assert cache_folder("rtl").is_dir()


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "tvm_snn").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(SnnError, match="XDG_CACHE_HOME"):
        cache_folder("rtl")
