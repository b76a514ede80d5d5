"""A network as a C library that needs neither TVM nor Python: see :func:`export_c`."""

from .compare import compare_library
from .export import PREFIX, CLibrary, check_names, export_c

__all__ = ["PREFIX", "CLibrary", "check_names", "compare_library", "export_c"]
