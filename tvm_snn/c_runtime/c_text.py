"""C as text: string literals, and names under another prefix."""

import re

_NAMES = re.compile(r'"(?:\\.|[^"\\\n])*"|\b(?:snn|SNN)_')


def quoted(text: str) -> str:
    """Return a C string literal."""
    return '"' + "".join(_character(byte) for byte in text.encode()) + '"'


def renamed(text: str, prefix: str) -> str:
    """Return C with its `snn_` and `SNN_` names under another prefix, string literals apart."""
    names = {"snn_": f"{prefix}_", "SNN_": f"{prefix.upper()}_"}
    return _NAMES.sub(lambda match: names.get(match[0], match[0]), text)


def _character(byte: int) -> str:
    # A question mark could begin a trigraph.
    return chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
