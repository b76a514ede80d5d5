"""The errors a user can meet: each message names the place, the finding and a way out."""


class SnnError(Exception):
    """Base of every error that tvm_snn raises on purpose."""


class ModelError(SnnError):
    """A model cannot be read or is malformed: wrong file, dynamic shape, dtype, NaN weights."""


class UnsupportedOperatorError(ModelError):
    """A model uses an operator that a frontend, a pass or the reference interpreter lacks."""


class TargetError(SnnError):
    """A target description is not understood or does not fit the machine."""


class ArtifactError(SnnError):
    """A compiled artifact is corrupt, of another version, or made for another machine."""


class VerificationError(SnnError):
    """A compiled network disagrees with the reference interpreter."""
