from pathlib import Path

from resoto_dagster.cli.config import effective
from resoto_dagster.settings_file import parse_settings
from resoto_dagster_tests.cli.commands import resoto

SETTINGS = """
schedule: "30 6 * * *"
hooks: {modules: [my_hooks]}
providers:
  aws:
    kinds: [volume, aws_s3_bucket]
    accounts: [{id: "123456789012", role: resoto}]
    organization: {exclude: {names: ["sandbox-*"]}}
actions: {pre_cleanup: {timeout: 90s}}
cleanup: {enabled: true, dry_run: false, accounts: {aws: ["123456789012"]}, max_data_age: 1h30m}
metrics: {port: 9000}
"""
HOOKS = """
from resoto_dagster.hooks import hook

@hook("post_collect")
def look(context):
    pass
"""


def write(folder: Path, settings: str = SETTINGS) -> None:
    (folder / "resoto.yaml").write_text(settings)
    (folder / "my_hooks.py").write_text(HOOKS)


def test_good_settings_are_said_to_be_fine(folder: Path) -> None:
    write(folder)
    assert resoto("config", "check").stdout == (
        "resoto.yaml is fine: 1 provider with 2 kinds, 1 hook, schedule 30 6 * * *, cleanup DELETES\n"
    )


def test_no_settings_are_fine_too(folder: Path) -> None:
    assert resoto("config", "check").stdout.startswith("there is no resoto.yaml, so the defaults hold: ")


def test_what_is_wrong_is_told_with_its_line(folder: Path) -> None:
    write(folder, SETTINGS.replace("dry_run", "dryrun"))
    told = resoto("config", "check", code=2).stderr
    assert (
        told
        == "resoto: resoto.yaml, line 10: cleanup.dryrun: unknown key 'dryrun'; did you mean 'dry_run'?\n"
    )


def test_a_hook_module_that_fails_is_told(folder: Path) -> None:
    write(folder)
    (folder / "my_hooks.py").write_text("import nowhere_to_be_found")
    told = resoto("config", "check", code=2).stderr
    assert told.startswith("resoto: hooks.modules: 'my_hooks' can't be imported: ModuleNotFoundError")


def test_what_is_shown_can_stand_in_the_file(folder: Path) -> None:
    write(folder)
    shown = resoto("config", "show").stdout
    assert "max_data_age: 1h30m" in shown
    written, read = parse_settings(SETTINGS, "written"), parse_settings(shown, "shown")
    assert effective(read) == effective(written)
    assert read.model_copy(update={"actions": {}}) == written.model_copy(update={"actions": {}})
    assert read.action("pre_cleanup") == written.action("pre_cleanup")


def test_the_defaults_are_shown_without_a_file(folder: Path) -> None:
    shown = resoto("config", "show").stdout
    assert effective(parse_settings(shown, "shown")) == effective(parse_settings("", "empty"))
    assert "pre_cleanup:\n    timeout: 5m\n    on_error: stop\n" in shown
