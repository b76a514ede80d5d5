"""Addresses as people write them: host:port, host, [::1]:port."""

import re
from dataclasses import dataclass

from ..errors import RemoteError

_FORM = re.compile(r"(?P<host>\[[^\]]+\]|[^:/\s\[\]]+)(:(?P<port>\d{1,5}))?")


@dataclass(frozen=True)
class Address:
    """A machine and a port."""

    host: str
    port: int

    @property
    def pair(self) -> tuple[str, int]:
        """Host and port, as sockets take them."""
        return self.host, self.port

    def __str__(self) -> str:
        """Return the form that :func:`parse_address` reads."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(text: str, default_port: int | None = None) -> Address:
    """Return the address that a text says; raises RemoteError when it says none."""
    match = _FORM.fullmatch(text)
    port = match and (int(match["port"]) if match["port"] else default_port)
    if match is None or port is None or port > 0xFFFF:
        raise RemoteError(f"{text!r} is no address: write host:port, for example localhost:9090.")
    return Address(match["host"].strip("[]"), port)
