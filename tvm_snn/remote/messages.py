"""What travels between a board and its user: a JSON object and numpy arrays, as bytes.

The length of the object in 8 bytes, the object, then the arrays one after the other; the object
lists their dtypes and shapes under "arrays". Nothing is ever unpickled.
"""

import json
import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LENGTH = struct.Struct("<Q")
_ARRAYS = "arrays"


def encode(data: dict[str, Any], arrays: Sequence[NDArray] = ()) -> bytes:
    """Return the message that :func:`decode` takes apart."""
    specs = [[array.dtype.str, list(array.shape)] for array in arrays]
    head = json.dumps({**data, _ARRAYS: specs}).encode()
    bodies = [np.ascontiguousarray(array).tobytes() for array in arrays]
    return b"".join([_LENGTH.pack(len(head)), head, *bodies])


def decode(message: bytes | bytearray) -> tuple[dict[str, Any], list[NDArray]]:
    """Return the object and the arrays of a message; raises ValueError when it is none."""
    if len(message) < _LENGTH.size:
        raise ValueError(f"a message of {len(message)} bytes")
    (length,) = _LENGTH.unpack_from(message)
    position = _LENGTH.size + length
    data = json.loads(bytes(message[_LENGTH.size : position]))
    arrays = []
    for name, shape in data.pop(_ARRAYS):
        dtype = np.dtype(name)
        count = math.prod(shape)
        arrays.append(np.frombuffer(message, dtype, count, position).reshape(shape).copy())
        position += count * dtype.itemsize
    if position != len(message):
        raise ValueError(f"a message of {len(message)} bytes instead of {position}")
    return data, arrays
