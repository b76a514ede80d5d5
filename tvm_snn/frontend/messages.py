"""Wording shared by the errors of the frontends."""


def first_sentence(error: Exception) -> str:
    """Return the first line of another library's error message, ended like a sentence."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = lines[0] if lines else type(error).__name__
    return line if line.endswith((".", "!", "?")) else f"{line}."
