"""Where local state is kept: the embedded database, Dagster's files, prices that were asked for."""

import os
from pathlib import Path


def state_folder() -> Path:
    """The folder that RESOTO_HOME names, else `.resoto` in the working directory."""
    return Path(os.environ.get("RESOTO_HOME") or ".resoto").absolute()
