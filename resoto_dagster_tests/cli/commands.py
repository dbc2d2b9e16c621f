"""Running the command line as a person or a script does: in a process of its own, with its exit code."""

import json
import os
import subprocess
import sys
from typing import Any

RESOTO = (sys.executable, "-c", "from resoto_dagster.cli import main; main()")


def resoto(*arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command, which must end with `code` and never with a traceback."""
    done = subprocess.run(
        [*RESOTO, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if code == 0:
        assert done.stderr == ""
    return done


def resoto_json(*arguments: str) -> Any:
    """What a command prints with --json."""
    return json.loads(resoto(*arguments, "--json").stdout)
