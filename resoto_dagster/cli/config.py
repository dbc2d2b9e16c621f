"""`resoto config`: is resoto.yaml right, and what is in force."""

from typing import TYPE_CHECKING, Any

import typer

from resoto_dagster.cli.output import count, say

if TYPE_CHECKING:
    from resoto_dagster.config import ProviderSettings, Settings

app = typer.Typer(
    name="config", help="Check the settings file, or show what is in force.", no_args_is_help=True
)


@app.command()
def check() -> None:
    """Check resoto.yaml and the hooks it names: ends with 0, or with 2 and the line that is wrong.

    Reads files only: no cloud is asked, no database opened.

    Example: `RESOTO_CONFIG=new.yaml resoto config check`
    """
    from resoto_dagster.hooks import load_hooks
    from resoto_dagster.settings_file import config_path, load_settings

    settings, path = load_settings(), config_path()
    hooks = load_hooks(settings.hooks.modules, path.parent)
    kinds = sum(len(provider.kinds) for provider in settings.providers.values())
    found = [
        f"{count(len(settings.providers), 'provider')} with {count(kinds, 'kind')}",
        count(len(hooks), "hook"),
        f"schedule {settings.schedule}",
        _cleanup(settings),
    ]
    if path.exists():
        say(f"{path} is fine: {', '.join(found)}")
    else:
        say(f"there is no {path}, so the defaults hold: {', '.join(found)}")


def _cleanup(settings: "Settings") -> str:
    if not settings.cleanup.enabled:
        return "cleanup is off"
    return "cleanup is a dry run" if settings.cleanup.dry_run else "cleanup DELETES"


@app.command()
def show() -> None:
    """Show the settings in force as YAML, defaults included.

    What it prints can stand in resoto.yaml, but for secrets, which are shown as stars. In durations `m` is
    minutes and `M` is months. Credentials are no settings: providers find them in their own places.

    Example: `resoto config show > everything.yaml`
    """
    import yaml

    from resoto_dagster.settings_file import load_settings

    print(yaml.safe_dump(effective(load_settings()), sort_keys=False, allow_unicode=True), end="")


def effective(settings: "Settings") -> dict[str, Any]:
    """The settings as they would stand in the file with nothing left to a default."""
    from resoto_dagster.config import GATES

    return {
        **settings.model_dump(mode="json", exclude={"providers", "actions"}),
        "actions": {gate: settings.action(gate).model_dump(mode="json") for gate in GATES},
        "providers": {name: _provider(name, section) for name, section in settings.providers.items()},
    }


def _provider(name: str, section: "ProviderSettings") -> dict[str, Any]:
    from resoto_dagster.providers import load_provider

    every = set(section.kinds) == set(load_provider(name).kinds)
    return {
        "kinds": "all" if every else list(section.kinds),
        **section.own.model_dump(mode="json", exclude_none=True),
    }
