"""Writing files so that nothing is lost when it fails, in turn, and where the user's cache is."""

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import SnnError


@contextmanager
def replacing(path: Path) -> Iterator[str]:
    """Yield the name of a temporary file that becomes `path` when the block ends well.

    Raises OSError when that is impossible, also where `path` is there and is no regular file: a
    device such as /dev/null would be replaced by a file.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "it is there and is no regular file")
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    os.close(descriptor)
    try:
        yield temporary
        # mkstemp makes the file private; what is written is as readable as any new file.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock file that processes take in turn; a process that dies gives it back."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cache_folder(name: str) -> Path:
    """Return a folder of the user's cache, `$XDG_CACHE_HOME` or `~/.cache`; make it if need be.

    Raises SnnError where that is impossible.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(base) if base else Path.home() / ".cache") / "tvm_snn" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SnnError(
            f"No cache in {folder}: {error.strerror}. Set XDG_CACHE_HOME to a folder that can be "
            "written."
        ) from error
    return folder
