"""Training: data, recipes and a loop that can stop anywhere and go on to the bit.

`Training(...).run()` is the main path, `tvm-snn train` its command.
"""

from .data import DATA, Data, DatasetSplit, Split, TensorSplit, load_data
from .fresh import start_fresh
from .log import Row, read_log
from .processes import Processes, joined_processes
from .recipe import RECIPES, Recipe, Stage
from .run import CHECKPOINT, Settings, Stopped, Training

__all__ = [
    "CHECKPOINT",
    "DATA",
    "RECIPES",
    "Data",
    "DatasetSplit",
    "Processes",
    "Recipe",
    "Row",
    "Settings",
    "Split",
    "Stage",
    "Stopped",
    "TensorSplit",
    "Training",
    "joined_processes",
    "load_data",
    "read_log",
    "start_fresh",
]
