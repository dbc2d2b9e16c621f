"""Reading `resoto.yaml`: what can't be taken is refused with its line and what was meant, never guessed."""

import difflib
import os
import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from resoto_dagster.config import GATES, ProviderSettings, Settings
from resoto_dagster.errors import ConfigError
from resoto_dagster.model.base_kinds import BASE_KINDS
from resoto_dagster.model.kind import Kind
from resoto_dagster.providers import load_provider, provider_names

_Place = tuple[Hashable, ...]
_Lines = dict[_Place, int]


class _Problem(Exception):
    """What is wrong at one place of the file."""

    def __init__(self, place: Sequence[Hashable], text: str):
        self.place = tuple(place)
        super().__init__(text)


def _meant(value: object, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(value), known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"expected one of: {', '.join(known)}"


def _read_yaml(text: str, lines: _Lines) -> Any:
    """The file's data; notes the line of every key and list element, refuses a key that stands twice."""

    def walk(node: yaml.Node, place: _Place) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = (*place, key.value)
                line = key.start_mark.line + 1
                first = lines.get(below)
                lines[below] = line
                if first is not None:
                    raise _Problem(below, f"{key.value!r} stands twice (first in line {first})")
                walk(value, below)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                lines[(*place, index)] = value.start_mark.line + 1
                walk(value, (*place, index))

    tree = yaml.compose(text, Loader=yaml.SafeLoader)
    if tree is not None:
        walk(tree, ())
    return yaml.safe_load(text)


def _fields_at(model: type[BaseModel], place: Sequence[Hashable]) -> list[str]:
    """The keys that are known at a place of a model."""
    for step in place:
        field = model.model_fields.get(str(step))
        candidates = [field.annotation, *get_args(field.annotation)] if field else []
        inner = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        model = inner or model
    return list(model.model_fields)


def _validated(model: type[BaseModel], data: Any, at: Sequence[Hashable]) -> Any:
    """The model of the data; raises the first _Problem otherwise."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=True)[0]
        place = (*at, *problem["loc"])
        if problem["type"] == "extra_forbidden":
            key = problem["loc"][-1]
            known = _fields_at(model, problem["loc"][:-1])
            raise _Problem(place, f"unknown key {key!r}; {_meant(key, known)}") from None
        text = re.sub(r"^(Value error|Assertion failed), ", "", problem["msg"])
        shown = (
            "" if isinstance(problem["input"], dict | list) or "'" in text else f", not {problem['input']!r}"
        )
        raise _Problem(place, f"{text}{shown}") from None


def _selected_kinds(wanted: Any, known: Mapping[str, Kind], place: Sequence[Hashable]) -> tuple[str, ...]:
    if wanted is None or wanted == "all":
        return tuple(known)
    if not isinstance(wanted, list):
        raise _Problem(place, f"expected a list of kinds, or all, not {wanted!r}")
    chosen: dict[str, None] = {}
    for index, name in enumerate(wanted):
        matching = [kind.name for kind in known.values() if name == kind.name or name in kind.all_bases]
        if not matching:
            bases = {base for kind in known.values() for base in kind.all_bases} & set(BASE_KINDS)
            raise _Problem((*place, index), f"unknown kind {name!r}; {_meant(name, [*known, *bases])}")
        chosen |= dict.fromkeys(matching)
    return tuple(chosen)


def _providers(data: Any) -> dict[str, ProviderSettings]:
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise _Problem(("providers",), f"expected a section a provider, not {data!r}")
    found = {}
    for name, section in data.items():
        place = ("providers", name)
        if name not in provider_names():
            raise _Problem(place, f"unknown provider {name!r}; {_meant(name, provider_names())}")
        provider = load_provider(name)
        section = {} if section is None else section
        if not isinstance(section, dict):
            raise _Problem(place, f"expected settings of the provider, not {section!r}")
        kinds = _selected_kinds(section.get("kinds"), provider.kinds, (*place, "kinds"))
        own = {key: value for key, value in section.items() if key != "kinds"}
        found[name] = ProviderSettings(kinds=kinds, own=_validated(provider.settings_model, own, place))
    return found


def _check_names(settings: Settings) -> None:
    """Refuse names that are keys of the user's own making and still must be known ones."""
    for name in settings.actions:
        if name not in GATES:
            raise _Problem(("actions", name), f"unknown action {name!r}; {_meant(name, GATES)}")
    for name in settings.cleanup.accounts:
        if name not in provider_names():
            problem = f"unknown provider {name!r}; {_meant(name, provider_names())}"
            raise _Problem(("cleanup", "accounts", name), problem)


def parse_settings(text: str, file: str) -> Settings:
    """The settings of a YAML text. Raises ConfigError with file, line and what was meant."""
    lines: _Lines = {}
    try:
        data = _read_yaml(text, lines)
        data = {} if data is None else data
        if not isinstance(data, dict):
            raise _Problem((), f"expected settings by name, not {data!r}")
        providers = _providers(data.get("providers"))
        settings: Settings = _validated(Settings, {**data, "providers": providers}, ())
        _check_names(settings)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = error.problem or error.context
        raise ConfigError(f"{file}, line {line}: not valid YAML: {problem}") from None
    except _Problem as problem:
        place = problem.place
        while place and place not in lines:
            place = place[:-1]
        where = f"{'.'.join(map(str, problem.place))}: " if problem.place else ""
        raise ConfigError(f"{file}, line {lines.get(place, 1)}: {where}{problem}") from None
    return settings


def config_path() -> Path:
    """Where the settings are: `RESOTO_CONFIG`, else `resoto.yaml` in the working directory."""
    return Path(os.environ.get("RESOTO_CONFIG", "resoto.yaml"))


def load_settings() -> Settings:
    """The settings of the settings file; the defaults when there is none.

    Raises ConfigError with file, line and what was meant; also when `RESOTO_CONFIG` names no file.
    """
    path = config_path()
    try:
        text = path.read_text()
    except FileNotFoundError:
        if "RESOTO_CONFIG" in os.environ:
            raise ConfigError(f"{path}: no such file (named by RESOTO_CONFIG)") from None
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: can't be read: {error}") from None
    return parse_settings(text, str(path))
