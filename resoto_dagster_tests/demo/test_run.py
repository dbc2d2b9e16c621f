import os
import re
import subprocess

import pytest

from resoto_dagster.demo.run import SETTINGS
from resoto_dagster.demo.truth import KINDS
from resoto_dagster.settings_file import parse_settings
from resoto_dagster_tests.cli.commands import RESOTO
from resoto_dagster_tests.demo.test_estate import PER_ACCOUNT


def test_the_kinds_of_the_estate_are_collected():
    assert set(KINDS) == set(PER_ACCOUNT)
    assert set(KINDS) <= set(parse_settings(SETTINGS, "resoto.yaml").providers["aws"].kinds)


@pytest.mark.slow
def test_the_demo_reads_everything_and_deletes_what_it_says(tmp_path):
    """Run by somebody who has nothing at home: no settings, no credentials, no database."""
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(
        [*RESOTO, "demo"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = re.findall(r"^aws +(shop-\w+) +(\d+) +(\d+) +\d+ +\d+ +\d+ +\d+$", done.stdout, re.MULTILINE)
    assert [(account, failed) for account, _, failed in rows] == [
        ("shop-production", "0"),
        ("shop-sandbox", "0"),
    ] * 2
    assert len({fresh for _, fresh, _ in rows}) == 1
    assert "That is exactly what the plan said." in done.stdout
    compared = re.search(
        r"^(\d+) metrics count resources, in each account just as many", done.stdout, re.MULTILINE
    )
    assert compared is not None
    assert int(compared[1]) > 15
