"""Who owns a resource: whom its tags name, else who owns its account, else the owner of all the rest."""

from collections.abc import Mapping
from dataclasses import dataclass

from resoto_dagster.config import NoticesSettings, OwnerSettings, mail_domain
from resoto_dagster.model.resource import StoredResource


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner by name, and how they are told."""

    name: str
    told: OwnerSettings


def owner_of(resource: StoredResource, settings: NoticesSettings) -> Owner | None:
    """The owner of a resource by these settings; None where there is nobody to tell.

    Whoever may tag may write anything into a tag: one that names nobody the settings know is passed over.
    """
    tags = resource.reported.get("tags")
    if isinstance(tags, Mapping):
        for tag in settings.owner_tags:
            value = tags.get(tag)
            owner = owner_named(value.strip(), settings) if isinstance(value, str) else None
            if owner is not None:
                return owner
    scope = resource.scope
    name = settings.accounts.get(scope.provider, {}).get(scope.account, settings.default)
    return None if name is None else owner_named(name, settings)


def owner_named(name: str, settings: NoticesSettings) -> Owner | None:
    """The owner of a name, or of a mail address that may be mailed directly; None if there is none."""
    if name in settings.owners:
        return Owner(name, settings.owners[name])
    if settings.mail is not None and mail_domain(name) in settings.mail_domains:
        address = name.lower()
        return Owner(address, OwnerSettings(mail=address))
    return None
