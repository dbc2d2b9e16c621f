import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from resoto_dagster.cleanup.announcements import announce
from resoto_dagster.settings_file import load_settings
from resoto_dagster_tests.cleanup.announceables import announceable
from resoto_dagster_tests.cleanup.conftest import Estate
from resoto_dagster_tests.cleanup.services import Answer, WebService, web_service
from resoto_dagster_tests.cli.commands import RESOTO, resoto
from resoto_dagster_tests.estate import node, table

SETTINGS = """
cleanup:
  notices:
    default: platform
    link: https://keep.example.com
    owners:
      platform: {slack: "${PLATFORM_SLACK}"}
"""


@pytest.fixture
def service(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebService]:
    """What the settings file's only owner is told by."""
    (folder / "resoto.yaml").write_text(SETTINGS)
    with web_service() as service:
        monkeypatch.setenv("PLATFORM_SLACK", service.url)
        yield service


def test_an_owner_gets_a_trial(service: WebService) -> None:
    assert resoto("notices", "test", "platform").stdout == "platform was told; the message was accepted\n"
    (content,) = service.posted
    assert "This is a test. Here platform is told" in content["blocks"][0]["text"]["text"]


def test_a_trial_that_is_refused_is_told_without_the_secret(service: WebService) -> None:
    service.answers = [Answer(403)]
    told = resoto("notices", "test", "platform", code=2).stderr
    assert told == "resoto: platform could not be told: Slack answered 403\n"


def test_a_secret_that_the_environment_lacks_is_told_by_its_place(service: WebService) -> None:
    told = resoto("notices", "test", "platform", code=2, PLATFORM_SLACK="").stderr
    assert told == (
        "resoto: resoto.yaml, line 7: cleanup.notices.owners.platform.slack: "
        "the environment has no variable PLATFORM_SLACK\n"
    )


def test_an_owner_that_nobody_knows_is_told(service: WebService) -> None:
    told = resoto("notices", "test", "platfrom", code=2).stderr
    assert told == ("resoto: 'platfrom' is no name under cleanup.notices.owners; expected one of: platform\n")


def test_secrets_are_not_shown_with_the_settings(service: WebService) -> None:
    shown = resoto("config", "show").stdout
    assert "slack: '**********'" in shown
    assert service.secret not in shown


def test_the_page_is_served_until_it_is_ended_and_logs_nothing(estate: Estate, service: WebService) -> None:
    found = [announceable("v1", region="r2")]
    assert announce(estate.engine, load_settings().cleanup.notices, found, found[0].due) == []
    (token,) = re.findall(r"/keep/([\w-]+)", str(service.posted))
    process = subprocess.Popen(
        [*RESOTO, "notices", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("serving the keep page on http://127.0.0.1:")
        url = f"{line.split()[-1]}/keep/{token}"
        with urllib.request.urlopen(url, timeout=30) as shown:
            assert "<td>v1</td>" in shown.read().decode()
        with urllib.request.urlopen(url, b"node=all", timeout=30) as shown:
            assert "1 resource is kept until" in shown.read().decode()
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=30)
        assert (process.returncode, out, errors) == (0, "", "")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert table(estate.engine, "SELECT node_id, author FROM inventory.marks WHERE source = 'person'") == [
        (node("v1", region="r2"), "platform by link")
    ]


def test_a_port_in_use_is_told_in_one_line(engine: Engine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = resoto("notices", "serve", "--port", port, code=2)
    assert told.stdout == "cleanup.notices.link is not set: no notice leads here\n"
    assert told.stderr == (
        f"resoto: the keep page can't be served on 127.0.0.1:{port}: another program listens there already; "
        "--port takes another port\n"
    )
