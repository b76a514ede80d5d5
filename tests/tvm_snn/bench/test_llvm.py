"""Which of LLVM's tools is found."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tvm_snn.bench.llvm import llvm_tool
from tvm_snn.errors import SnnError


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Two folders that are all of the path."""
    made = [tmp_path / "a", tmp_path / "b"]
    for folder in made:
        folder.mkdir()
    monkeypatch.setenv("PATH", ":".join(map(str, made)))
    llvm_tool.cache_clear()
    yield made
    llvm_tool.cache_clear()


def put(path: Path) -> str:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_newest_of_all_folders_is_taken(folders: list[Path]) -> None:
    put(folders[0] / "llvm-mca")
    put(folders[0] / "llvm-mca-9")
    put(folders[0] / "llvm-mca-view")
    newest = put(folders[1] / "llvm-mca-19")
    assert llvm_tool("llvm-mca") == newest


def test_one_without_a_version_is_taken_where_there_is_no_other(folders: list[Path]) -> None:
    put(folders[0] / "llvm-mca-view")
    plain = put(folders[1] / "llvm-mca")
    assert llvm_tool("llvm-mca") == plain


def test_one_that_is_too_old_is_an_error(folders: list[Path]) -> None:
    put(folders[0] / "llvm-mca")
    put(folders[1] / "llvm-mca-14")
    with pytest.raises(SnnError, match=r"llvm-mca-14 is of version 14, and 17 or newer is needed"):
        llvm_tool("llvm-mca")


@pytest.mark.usefixtures("folders")
def test_a_tool_that_is_missing_is_named() -> None:
    with pytest.raises(SnnError, match=r"no llvm-mca. Install it"):
        llvm_tool("llvm-mca")
