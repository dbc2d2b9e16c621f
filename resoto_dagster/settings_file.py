"""Reading `resoto.yaml`: what can't be taken is refused with its line and what was meant, never guessed."""

import difflib
import os
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from resoto_dagster.config import GATES, NoticesSettings, ProviderSettings, Settings
from resoto_dagster.errors import ConfigError
from resoto_dagster.model.base_kinds import BASE_KINDS
from resoto_dagster.model.kind import Kind
from resoto_dagster.providers import load_provider, provider_names

_Place = tuple[Hashable, ...]
_Lines = dict[_Place, int]
_Model = TypeVar("_Model", bound=BaseModel)
_DEEPEST = 20
_EXPECTED = {
    "model_type": "expected a section",
    "dict_type": "expected a section",
    "list_type": "expected a list",
    "string_type": "expected a text",
    "bool_type": "expected true or false",
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "too_short": "expected at least one",
    "string_too_short": "expected a text",
    "invalid_key": "expected a text as key",
}
"""What pydantic's types of errors are called here; its own words are for programmers."""
_WITH_SECRETS = ("cleanup", "notices")
"""Where values are never repeated: a webhook's address or a password may be among them."""


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
        if len(place) > _DEEPEST:
            raise _Problem(place[:1], "nested too deeply")
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    lines[(*place, "?")] = key.start_mark.line + 1
                    raise _Problem((*place, "?"), "expected a name as key")
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

    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError:
        raise _Problem((), "nested too deeply") from None
    if tree is None:
        return None
    walk(tree, ())
    loader = _Loader("")
    try:
        return loader.construct_document(tree)
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """Has the place of what is no value, a date of the 32nd for one."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(
                problem=str(error), problem_mark=node.start_mark
            ) from None


def _fields_at(model: type[BaseModel], place: Sequence[Hashable]) -> list[str]:
    """The keys that are known at a place of a model."""
    for step in place:
        field = model.model_fields.get(str(step))
        candidates = [field.annotation, *get_args(field.annotation)] if field else []
        inner = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        model = inner or model
    return list(model.model_fields)


def _validated(model: type[_Model], data: Any, at: Sequence[Hashable]) -> _Model:
    """The model of the data; raises the first _Problem otherwise."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first, *others = (
            (_place_in(data, problem["loc"]), problem) for problem in error.errors(include_url=False)
        )
        # where alternatives are allowed, the one that got furthest into the data is meant
        same = [other for other in others if other[0][: len(first[0])] == first[0]]
        found, problem = max([first, *same], key=lambda one: len(one[0]))
        place = (*at, *found)
        if problem["type"] == "extra_forbidden":
            key = problem["loc"][-1]
            known = _fields_at(model, problem["loc"][:-1])
            raise _Problem(place, f"unknown key {key!r}; {_meant(key, known)}") from None
        secret = place[: len(_WITH_SECRETS)] == _WITH_SECRETS
        raise _Problem(place, _told(problem, repeat=not secret)) from None


def _place_in(data: Any, location: Sequence[int | str]) -> _Place:
    """Pydantic's location without the names of alternatives, which are no keys of the data."""
    place: list[Hashable] = []
    for step in location:
        if isinstance(data, dict) and (step in data or step == location[-1]):
            place.append(step)
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int):
            place.append(step)
            data = data[step]
    return tuple(place)


def _told(problem: ErrorDetails, *, repeat: bool) -> str:
    """What is wrong, in words for a person; with the value itself only where it may be repeated."""
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    text, value = _EXPECTED.get(problem["type"], problem["msg"]), problem["input"]
    if value is None:
        return f"{text}, but there is nothing"
    if not repeat:
        return "is missing" if problem["type"] == "missing" else text
    hint = " (put it into quotes)" if problem["type"] == "string_type" and isinstance(value, int) else ""
    return f"{text}, not {value!r}{hint}"


def _selected_kinds(wanted: Any, known: Mapping[str, Kind], place: Sequence[Hashable]) -> tuple[str, ...]:
    if wanted is None or wanted == "all":
        return tuple(known)
    if not isinstance(wanted, list):
        raise _Problem(place, f"expected a list of kinds, or all, not {wanted!r}")
    chosen: dict[str, None] = {}
    for index, name in enumerate(wanted):
        if not isinstance(name, str):
            raise _Problem((*place, index), f"expected the name of a kind, not {name!r}")
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
    _check_providers(settings.cleanup.accounts, ("cleanup", "accounts"))
    _check_providers(settings.cleanup.tag_validator.accounts, ("cleanup", "tag_validator", "accounts"))
    _check_rules(settings)
    _check_notices(settings.cleanup.notices)
    _check_metrics(settings)
    planners, place = settings.cleanup.planners, ("cleanup", "planners")
    _check_providers(planners.untagged.accounts, (*place, "untagged", "accounts"))
    _check_kinds(planners.untagged.kinds, settings, (*place, "untagged", "kinds"))
    listed = (*place, "protector", "resources")
    _check_providers(planners.protector.resources, listed)
    for provider, accounts in planners.protector.resources.items():
        for account, regions in accounts.items():
            for region, kinds in regions.items():
                _check_kinds(kinds, settings, (*listed, provider, account, region))


def _check_rules(settings: Settings) -> None:
    """Refuse a name that stands twice, and a search that can't be read."""
    if not settings.cleanup.rules:  # the grammar takes a tenth of a second to load
        return
    from resoto_dagster.inventory.search.parse import SearchError, parse_nodes

    names: set[str] = set()
    for index, rule in enumerate(settings.cleanup.rules):
        place = ("cleanup", "rules", index)
        if rule.name in names:
            raise _Problem((*place, "name"), f"{rule.name!r} is another rule's name already")
        names.add(rule.name)
        try:
            parse_nodes(rule.search)
        except SearchError as error:
            raise _Problem((*place, "search"), str(error)) from None


def _check_notices(notices: NoticesSettings) -> None:
    """Refuse owners whom nobody knows how to tell."""
    place = ("cleanup", "notices")
    _check_providers(notices.accounts, (*place, "accounts"))
    named: list[tuple[_Place, str]] = [
        ((*place, "accounts", provider, account), name)
        for provider, accounts in notices.accounts.items()
        for account, name in accounts.items()
    ]
    if notices.default is not None:
        named.append(((*place, "default"), notices.default))
    named += [((*place, "approvers"), name) for name in notices.approvers]
    for where, name in named:
        if name not in notices.owners:
            known = list(notices.owners)
            meant = _meant(name, known) if known else "nobody is named there"
            raise _Problem(where, f"is no name under cleanup.notices.owners; {meant}")
    if notices.mail is None:
        for name, owner in notices.owners.items():
            if owner.mail is not None:
                raise _Problem((*place, "owners", name, "mail"), "needs the server in cleanup.notices.mail")
        if notices.mail_domains:
            raise _Problem((*place, "mail_domains"), "needs the server in cleanup.notices.mail")


def _check_metrics(settings: Settings) -> None:
    """Refuse metrics that can't be measured, and kinds that no configured provider has."""
    if not settings.metrics.definitions:
        return
    from resoto_dagster.inventory.search.kinds import named_kinds
    from resoto_dagster.metrics.definitions import Mistake, own_metrics

    place = ("metrics", "definitions")
    try:
        own = own_metrics(settings.metrics)
    except Mistake as mistake:
        raise _Problem((*place, *mistake.place), str(mistake)) from None
    for name, metric in own.items():
        if settings.providers:
            _check_kinds(tuple(named_kinds(metric.query)), settings, (*place, name, "search"))


def _check_providers(names: Iterable[str], place: _Place) -> None:
    for name in names:
        if name not in provider_names():
            problem = f"unknown provider {name!r}; {_meant(name, provider_names())}"
            raise _Problem((*place, name), problem)


def _check_kinds(names: Iterable[str], settings: Settings, place: _Place) -> None:
    """Refuse what is neither a base kind nor a kind of a configured provider."""
    known = {*BASE_KINDS}.union(*(load_provider(name).kinds for name in settings.providers))
    for index, name in enumerate(names):
        if name not in known:
            problem = f"unknown kind {name!r}; {_meant(name, sorted(known))}"
            raise _Problem((*place, index if isinstance(names, list) else name), problem)


def parse_settings(text: str, file: str) -> Settings:
    """The settings of a YAML text. Raises ConfigError with file, line and what was meant."""
    return _parsed(text, file, _settings)


def _settings(data: dict[str, Any]) -> Settings:
    providers = _providers(data.get("providers"))
    settings = _validated(Settings, {**data, "providers": providers}, ())
    _check_names(settings)
    return settings


def parse_model(text: str, file: str, model: type[_Model]) -> _Model:
    """What a YAML text says to a model of its own. Raises ConfigError as parse_settings does."""
    return _parsed(text, file, lambda data: _validated(model, data, ()))


def _parsed(text: str, file: str, make: Callable[[dict[str, Any]], _Model]) -> _Model:
    lines: _Lines = {}
    try:
        data = _read_yaml(text, lines)
        data = {} if data is None else data
        if not isinstance(data, dict):
            raise _Problem((), f"expected settings by name, not {data!r}")
        return make(data)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{file}, line {line}: not valid YAML: {error.reason}") from None
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


def config_path() -> Path:
    """Where the settings are: `RESOTO_CONFIG`, else `resoto.yaml` in the working directory."""
    return Path(os.environ.get("RESOTO_CONFIG") or "resoto.yaml")


def load_settings() -> Settings:
    """The settings of the settings file; the defaults when there is none.

    Raises ConfigError with file, line and what was meant; also when `RESOTO_CONFIG` names no file.
    """
    path = config_path()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if os.environ.get("RESOTO_CONFIG"):
            raise ConfigError(f"{path}: no such file (named by RESOTO_CONFIG)") from None
        return Settings()
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: can't be read: it is not UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
    return parse_settings(text, str(path))
