"""The operators after each phase are those that the documentation shows."""

import re
from pathlib import Path

from stages import operators, stages, two_layers

PAGE = Path(__file__).parents[2] / "docs" / "how-it-works.md"


def test_the_page_shows_what_the_example_prints():
    printed = ["\n".join(operators(module)) for _, module in stages(*two_layers())]
    shown = re.findall(r"^```\n(.*?)\n```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert shown[1:] == printed
