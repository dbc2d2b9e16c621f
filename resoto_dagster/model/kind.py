"""A kind of resource, as everything but its own provider sees it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from resoto_dagster.model.base_kinds import PHANTOM, with_all_bases


@dataclass(frozen=True, slots=True)
class Relation:
    """What resources of a kind have to do with those of another one.

    `goes`: whether they must be deleted before those, or after them.
    """

    kind: str
    role: Literal["belongs to", "uses"]
    goes: Literal["before", "after"] | None = None


@dataclass(frozen=True, kw_only=True)
class Kind:
    """The declaration of a kind. Providers extend it with how to collect, delete and tag.

    `parents` are the kinds its resources belong to (a subnet's is its network); the assets' lineage
    follows them.
    """

    name: str
    description: str
    bases: tuple[str, ...] = ()

    @cached_property
    def all_bases(self) -> frozenset[str]:
        """Every base kind it counts as, `resource` included."""
        return with_all_bases(self.bases)

    @property
    def phantom(self) -> bool:
        """Whether it has no life of its own, and so can never be cleaned."""
        return PHANTOM in self.all_bases

    @property
    def parents(self) -> tuple[str, ...]:
        """The kinds its resources belong to."""
        return ()

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The kinds that its resources themselves say they have to do with."""
        return ()

    @property
    def deletable(self) -> bool:
        """Whether a resource of this kind can be deleted at all."""
        return False

    @property
    def taggable(self) -> bool:
        """Whether a resource's tags can be changed."""
        return False

    @property
    def unsettled(self) -> frozenset[str]:
        """Properties that change by themselves, or when a dependant goes; no part of the fingerprint."""
        return frozenset()
