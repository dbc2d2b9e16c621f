"""All actions there are in IAM, as cfn-lint, which moto brings along, has them of AWS."""

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files


@cache
def known_actions() -> frozenset[str]:
    """Every action as `service:action`, in lower case: IAM knows no case."""
    services = json.loads(files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json").read_bytes())
    return frozenset(
        f"{service}:{action}" for service, known in services.items() for action in known["Actions"]
    )


def unknown(actions: Iterable[str]) -> list[str]:
    """Those of the actions that do not exist."""
    return [action for action in actions if action.lower() not in known_actions()]
