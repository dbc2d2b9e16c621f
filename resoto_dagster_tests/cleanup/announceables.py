"""Resources that are to be announced, and settings that name their owners."""

from datetime import timedelta
from typing import Any

from resoto_dagster.cleanup.notices import Announceable
from resoto_dagster.config import NoticesSettings
from resoto_dagster.model.resource import StoredResource
from resoto_dagster_tests.estate import NOW, node, scope


def stored(
    id_: str = "v1", name: str | None = None, account: str = "a1", region: str = "r1", **tags: object
) -> StoredResource:
    return StoredResource(
        node(id_, "sim_volume", region, account),
        scope("sim_volume", region, account),
        id_,
        id_ if name is None else name,
        {"tags": tags},
    )


def announceable(id_: str = "v1", **given: Any) -> Announceable:
    """A volume that expired; what is given of a resource or of its announcement is as given."""
    own = {
        key: given.pop(key)
        for key in ("account_name", "reason", "authors", "due", "monthly_cost")
        if key in given
    }
    resource = stored(id_, **given)
    return Announceable(
        resource,
        own.get("account_name", "production"),
        resource.scope.region,
        own.get("reason", "expired"),
        own.get("authors", (("planner", "expired"),)),
        own.get("due", NOW + timedelta(days=7)),
        own.get("monthly_cost"),
    )


def notices(**given: Any) -> NoticesSettings:
    """Settings as the file gives them."""
    return NoticesSettings.model_validate(given)
