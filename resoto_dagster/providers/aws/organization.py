"""The accounts to collect: those of the settings, and those that AWS Organizations lists."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NoReturn

from resoto_dagster.model.resource import GLOBAL
from resoto_dagster.providers.aws.accounts import Account
from resoto_dagster.providers.aws.clients import ServiceClient
from resoto_dagster.providers.aws.settings import (
    DEFAULT_ACCOUNT,
    AccountSelection,
    AccountSettings,
    AwsSettings,
    OrganizationSettings,
)
from resoto_dagster.providers.base import ProviderError

_LOG = logging.getLogger(__name__)

ORGANIZATION = "organization"
"""What stands for an organization whose accounts are not known."""

_ACTIVE = "ACTIVE"


class Unreadable(Account):
    """An account that can't be entered, for a reason that is known without asking."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(AccountSettings(), None, None)
        self.configured = name
        self._reason = reason

    def _ask_identity(self) -> NoReturn:
        raise ProviderError(self._reason)


@dataclass(frozen=True, slots=True)
class _Member:
    """An account as Organizations lists it."""

    id: str
    name: str
    state: str


def configured_accounts(settings: AwsSettings) -> list[Account]:
    """All accounts to collect, each once. Asks AWS where the settings name an organization.

    Never raises for what is wrong with an account: it is `Unreadable` then.
    """
    names: dict[str, str] = {}
    listed = [_account(settings, account, names) for account in settings.accounts]
    if settings.organization is None or _is_nothing(settings.organization.include):
        return listed
    try:
        return [*listed, *_members_to_collect(settings, settings.organization, names, _ids(listed))]
    except ProviderError as error:
        return [*listed, Unreadable(ORGANIZATION, f"its accounts can't be listed: {error}")]


def _account(settings: AwsSettings, account: AccountSettings, names: Mapping[str, str]) -> Account:
    regions = settings.regions if account.regions is None else account.regions
    return Account(account, settings.profile, None if regions == "all" else regions, names)


def _ids(accounts: Sequence[Account]) -> set[str]:
    """The ids of accounts, that of the default one too unless it can't be entered."""
    ids = {account.configured for account in accounts}
    for account in accounts:
        if account.configured == DEFAULT_ACCOUNT:
            try:
                ids.add(account.id)
            except ProviderError:  # it is told when the account is read
                continue
    return ids


def _members_to_collect(
    settings: AwsSettings, organization: OrganizationSettings, names: dict[str, str], taken: Collection[str]
) -> list[Account]:
    """The organization's accounts that the settings select, without those that are taken."""
    listing = organization.list_from
    if listing.regions is None and organization.regions is not None:
        listing = listing.model_copy(update={"regions": organization.regions})
    lister = _account(settings, listing, names)
    client = lister.client("organizations", GLOBAL)
    members = _members(client)
    names.update({member.id: member.name for member in members})
    selected, unreadable = _selected(organization, members, client)
    found = [
        lister if member.id == lister.id else _account(settings, _in_role(organization, member), names)
        for member in selected
        if member.id not in taken
    ]
    if lister not in found:
        lister.release()
    return found + [account for account in unreadable if account.configured not in taken]


def _in_role(organization: OrganizationSettings, member: _Member) -> AccountSettings:
    return AccountSettings.model_construct(
        id=member.id,
        role=organization.role,
        external_id=organization.external_id,
        session_name=organization.session_name,
        regions=organization.regions,
    )


def _members(client: ServiceClient) -> list[_Member]:
    return [
        _Member(account["Id"], account.get("Name", ""), account.get("State") or account["Status"])
        for page in client.pages("list_accounts", {})
        for account in page["Accounts"]
    ]


def _selected(
    organization: OrganizationSettings, members: Sequence[_Member], client: ServiceClient
) -> tuple[list[_Member], list[Account]]:
    """The active accounts that are selected; and what is asked for and can't be had."""
    selections = [one for one in (organization.include, organization.exclude) if one is not None]
    below = {unit: set(_below(client, unit)) for selection in selections for unit in selection.units}
    for selection in selections:
        for missed in _without_effect(selection, members, below):
            _LOG.warning("%r in include or exclude is no account of the organization", missed)
    include, exclude = organization.include, organization.exclude
    left = [
        member
        for member in members
        if (include is None or _names(include, member, below))
        and not (exclude is not None and _names(exclude, member, below))
    ]
    active = [member for member in left if member.state == _ACTIVE]
    unreadable: list[Account] = []
    if include is not None:
        known = {member.id for member in members}
        unreadable += [
            Unreadable(member.id, f"it is not active in the organization, but {member.state}")
            for member in left
            if member.id in include.accounts and member.state != _ACTIVE
        ]
        unreadable += [
            Unreadable(wanted, "it is not in the organization")
            for wanted in dict.fromkeys(include.accounts)
            if wanted not in known
        ]
    if not active and not unreadable:
        reason = f"include and exclude leave none of its {len(members)} accounts"
        unreadable.append(Unreadable(ORGANIZATION, reason))
    return active, unreadable


def _is_nothing(include: AccountSelection | None) -> bool:
    """Whether it was said that no account is meant."""
    return include is not None and not (include.accounts or include.names or include.units)


def _names(selection: AccountSelection, member: _Member, below: Mapping[str, Collection[str]]) -> bool:
    return (
        member.id in selection.accounts
        or any(_matches(member.name, pattern) for pattern in selection.names)
        or any(member.id in below[unit] for unit in selection.units)
    )


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern.replace("[", "[[]"))  # a bracket is one, and no class of characters


def _without_effect(
    selection: AccountSelection, members: Sequence[_Member], below: Mapping[str, Collection[str]]
) -> Iterator[str]:
    """What of a selection names no account: a typing error perhaps."""
    known = {member.id for member in members}
    yield from (account for account in selection.accounts if account not in known)
    for pattern in selection.names:
        if not any(_matches(member.name, pattern) for member in members):
            yield pattern
    yield from (unit for unit in selection.units if not below[unit])


def _below(client: ServiceClient, unit: str) -> Iterator[str]:
    """The ids of all accounts in a unit and in the units below it."""
    for page in client.pages("list_accounts_for_parent", {"ParentId": unit}):
        yield from (account["Id"] for account in page["Accounts"])
    for page in client.pages("list_organizational_units_for_parent", {"ParentId": unit}):
        for child in page["OrganizationalUnits"]:
            yield from _below(client, child["Id"])
