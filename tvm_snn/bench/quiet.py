"""Keeps other packages' remarks out of the way of the tables."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = ("", "torch.onnx", "torch.export", "tvm.s_tir.meta_schedule")


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings and log records below an error while the block runs."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
