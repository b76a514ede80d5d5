"""A network as a C library that needs neither TVM nor Python: see :func:`export_c`."""

from .export import CLibrary, export_c

__all__ = ["CLibrary", "export_c"]
