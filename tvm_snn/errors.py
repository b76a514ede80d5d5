"""The errors a user can meet: each message names the place, the finding and a way out.

They are registered with TVM, so that one raised inside of a pass comes out as what it is.
"""

from tvm_ffi import register_error


@register_error
class SnnError(Exception):
    """Base of every error that tvm_snn raises on purpose."""


@register_error
class ModelError(SnnError):
    """A model cannot be read or is malformed: wrong file, dynamic shape, dtype, NaN weights."""


@register_error
class UnsupportedOperatorError(ModelError):
    """A model uses an operator that a frontend, a pass or the reference interpreter lacks."""


@register_error
class TargetError(SnnError):
    """A target description is not understood or does not fit the machine."""


@register_error
class ArtifactError(SnnError):
    """A compiled artifact is corrupt, of another version, or made for another machine."""


@register_error
class VerificationError(SnnError):
    """A compiled network disagrees with the reference interpreter."""


@register_error
class RecordsError(SnnError):
    """Tuning records cannot be read, are malformed, or are for other machines."""


@register_error
class TuningError(SnnError):
    """Tuning cannot start, or has measured nothing."""


@register_error
class RemoteError(SnnError):
    """A board does not answer, has vanished, is in use, or has another version."""


@register_error
class DataError(SnnError):
    """A data set is missing, cannot be read, or is malformed."""


@register_error
class TrainingError(SnnError):
    """Training cannot start, cannot go on, or diverged."""
