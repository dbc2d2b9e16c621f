"""Which kinds a call has touched, as far as its service and its name tell: derived from the declarations.

The rule, in its order:

1. The service is the one that signs the call: `elasticloadbalancing` is that of `elb` and of `elbv2`, `es`
   that of `opensearch`. Kinds are of the service that lists them.
2. A call that deletes, changes or tags a kind in its declaration touches it: `DeleteVolume`, `CreateTags`.
3. A kind has nouns, what its list call lists and what its last deletion deletes (`volume`, `db instance`),
   and the call touches it when one of them is in the call's name: `AttachVolume`, `RebootDBInstance`. Where
   one noun is a part of another there, the longer one counts: `CreateVpcEndpoint` touches no `vpc`.
4. The nouns of its other calls, details and first steps of a deletion, count as well, also where they are
   another service's: `CreateLoginProfile` touches users, and `CreateAccountAlias` the account.
5. If none of that finds anything, a noun that begins as the call's name ends does: `CreateRoute` touches the
   route tables. And if nothing does that either, all kinds of the service are touched.
6. What is attached to a touched kind is touched, too (addresses and volumes with instances), what AWS makes
   or deletes along with it (a network's default group), and what is read out of the same items (the types of
   volumes). When something is attached or detached, so is what it hangs on: `AttachVolume` touches instances.

A kind that is read once an account is touched in the region `global`, the others in the call's region.
A touched kind too many costs a list call; one too few is out of date until the next whole collect.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from botocore import xform_name

from resoto_dagster.model.resource import GLOBAL
from resoto_dagster.providers.aws.declaration import AwsKind
from resoto_dagster.providers.aws.offering import HOME_REGIONS

Words = tuple[str, ...]

SIGNED_BY: Mapping[str, str] = {
    "bedrock-agent": "bedrock",
    "cloudwatch": "monitoring",
    "efs": "elasticfilesystem",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "opensearch": "es",
    "s3control": "s3",
    "service-quotas": "servicequotas",
}
"""The name that a service's calls are signed with, and known by to CloudTrail, where it is not its own."""

IDLE: Mapping[str, frozenset[str]] = {
    "athena": frozenset({"StartQueryExecution", "StartSession", "StopQueryExecution", "TerminateSession"}),
    "cognito-idp": frozenset(
        {
            "AdminInitiateAuth",
            "AdminRespondToAuthChallenge",
            "InitiateAuth",
            "RespondToAuthChallenge",
            "RevokeToken",
        }
    ),
    "config": frozenset({"PutEvaluations", "StartConfigRulesEvaluation"}),
    "ecr": frozenset({"CompleteLayerUpload", "InitiateLayerUpload", "UploadLayerPart"}),
    "ecs": frozenset(
        {
            "DiscoverPollEndpoint",
            "Poll",
            "StartTelemetrySession",
            "SubmitAttachmentStateChanges",
            "SubmitContainerStateChange",
            "SubmitTaskStateChange",
        }
    ),
    "kms": frozenset({"CreateGrant", "RetireGrant", "RevokeGrant"}),
    "logs": frozenset({"CreateLogStream", "DeleteLogStream", "PutLogEvents"}),
    "sagemaker": frozenset({"StartSession"}),
    "ssm": frozenset(
        {
            "CancelCommand",
            "PutInventory",
            "ResumeSession",
            "SendCommand",
            "StartSession",
            "TerminateSession",
            "UpdateInstanceAssociationStatus",
            "UpdateInstanceInformation",
        }
    ),
}
"""Calls by which a service is used all the time, by programs, and that change no resource to speak of."""

_NO_RESOURCES = "sts"
"""The service that tells who the account is, and that changes nothing."""

_ATTACHING = frozenset({"associate", "attach", "detach", "disassociate"})
_ENDS_OF_NOUNS = frozenset({"by", "for", "from", "in", "of", "to", "with"})


class Touched:
    """The rule for some kinds; compiled once."""

    def __init__(self, kinds: Collection[AwsKind]) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self._services = {
            service: _Service([kind for kind in kinds if service in _services_of(kind)], service)
            for service in {one for kind in kinds for one in _services_of(kind)}
        }

    @property
    def services(self) -> list[str]:
        """The services whose calls may touch one of the kinds, as the calls are signed."""
        return sorted(self._services)

    def kinds_of(self, service: str, call: str) -> frozenset[str]:
        """The names of the kinds that a call of a service may have touched; none of an unknown service."""
        if service not in self._services or call in IDLE.get(service, ()):
            return frozenset()
        return self._services[service].touched(xform_name(call).removesuffix("_with_tags"))

    def regions_of(self, kind: str, region: str) -> Iterator[str]:
        """The regions of scopes in which a call in a region may have touched a kind."""
        declared = self._kinds[kind]
        if declared.regional:
            yield region
        if declared.api_in(GLOBAL) and (not declared.regional or region in HOME_REGIONS.values()):
            yield GLOBAL


class _Service:
    """The kinds that one service's calls touch."""

    def __init__(self, kinds: Sequence[AwsKind], service: str) -> None:
        self._kinds = kinds
        self._service = service
        self._own = [kind for kind in kinds if signed_by(kind.service) == service]

    @cached_property
    def _operations(self) -> dict[str, set[str]]:
        """The kinds that a call changes as their declarations have it."""
        found: dict[str, set[str]] = {}
        for kind in self._own:
            tagging = (kind.tagging.upsert, kind.tagging.remove) if kind.tagging else ()
            for operation in (*(step.operation for step in kind.changing_steps), *tagging):
                found.setdefault(operation, set()).add(kind.name)
        return found

    @cached_property
    def _nouns(self) -> dict[Words, set[str]]:
        """The kinds by what their list calls list, and what their deletions delete."""
        calls = (
            (kind, call) for kind in self._own for call in (kind.api, kind.global_api, *kind.delete[-1:])
        )
        return _by_noun((kind, call.operation) for kind, call in calls if call)

    @cached_property
    def _parts(self) -> dict[Words, set[str]]:
        """The kinds by what else is asked for them, and deleted with them."""
        found = _by_noun(
            (kind, operation)
            for kind in self._kinds
            for service, operation in _further_calls(kind)
            if service == self._service
        )
        return {noun: names - self._nouns.get(noun, set()) for noun, names in found.items()}

    def touched(self, operation: str) -> frozenset[str]:
        """The kinds that a call, spelled as a client's method, may have touched."""
        verb, *rest = operation.split("_")
        words = tuple(map(_word, rest))
        found = {
            *self._operations.get(operation, ()),
            *(name for noun in _longest(self._nouns, words) for name in self._nouns[noun]),
            *(name for noun in self._parts if _holds(words, noun) for name in self._parts[noun]),
        }
        if not found:
            begun = (noun for noun in self._nouns if words and noun[: len(words)] == words)
            found = {name for noun in begun for name in self._nouns[noun]}
        found = found or {kind.name for kind in self._own}
        attached = {kind.name for kind in self._own if _hangs_on(kind) & found}
        touched = self._with_what_goes_along(found | attached)
        if verb in _ATTACHING:
            own = {kind.name for kind in self._own}
            touched |= {name for kind in self._own if kind.name in found for name in _hangs_on(kind) & own}
        return frozenset(touched)

    def _with_what_goes_along(self, names: Collection[str]) -> set[str]:
        """The kinds, those that come and go with them, and those that come and go with these in turn."""
        found: set[str] = set()
        more = set(names)
        while more:
            found |= more
            owners = [kind for kind in self._own if kind.name in more]
            more = {
                kind.name
                for kind in self._own
                if kind.name not in found
                and any(_goes_along(kind, owner) or _is_read_out_of(kind, owner) for owner in owners)
            }
        return found


def _hangs_on(kind: AwsKind) -> set[str]:
    """The kinds that a kind is attached to: what has to go before it can be deleted."""
    return {link.kind for link in kind.links if link.delete == "after"}


def _goes_along(kind: AwsKind, owner: AwsKind) -> bool:
    """Whether AWS deletes some of a kind along with what they belong to.

    Of several that it belongs to, these are those which have to go before it, if there are any.
    """
    parents = [link for link in kind.links if link.parent]
    if owner.takes(kind.name):
        return any(link.kind == owner.name for link in parents)
    if not any(rule.along for rule in kind.held_back):
        return False
    owners = [link for link in parents if link.delete == "after"] or parents
    return any(link.kind == owner.name for link in owners)


def _is_read_out_of(kind: AwsKind, owner: AwsKind) -> bool:
    """Whether a kind is read out of the items of another one: the types in use out of the instances."""
    same = (kind.service, kind.api.operation) == (owner.service, owner.api.operation)
    return same and kind.api.items.startswith(owner.api.items)


def _by_noun(operations: Iterable[tuple[AwsKind, str]]) -> dict[Words, set[str]]:
    found: dict[Words, set[str]] = {}
    for kind, operation in operations:
        _, *words = operation.split("_")
        end = next((index for index, word in enumerate(words) if word in _ENDS_OF_NOUNS), len(words))
        if end:
            found.setdefault(tuple(map(_word, words[:end])), set()).add(kind.name)
    return found


def _word(word: str) -> str:
    """What a word has in common with its plural."""
    return (word[:-3] + "y" if word.endswith("ies") else word).rstrip("es")


def _holds(words: Words, noun: Words) -> bool:
    return any(words[at : at + len(noun)] == noun for at in range(len(words)))


def _longest(nouns: Collection[Words], words: Words) -> Iterator[Words]:
    """The nouns in a name, from left to right, without those that are a part of another one there."""
    at = 0
    while at < len(words):
        here = [noun for noun in nouns if words[at : at + len(noun)] == noun]
        longest = max(here, key=len, default=())
        if longest:
            yield longest
        at += len(longest) or 1


def _further_calls(kind: AwsKind) -> Iterator[tuple[str, str]]:
    """Service and operation of all calls of a kind but its list call and its last deletion."""
    for detail in kind.details:
        yield signed_by(detail.service or kind.service), detail.operation
    for step in kind.delete[:-1]:
        yield signed_by(kind.service), step.operation


def _services_of(kind: AwsKind) -> set[str]:
    return {signed_by(kind.service), *(service for service, _ in _further_calls(kind))} - {_NO_RESOURCES}


def signed_by(service: str) -> str:
    """The name that a service's calls are signed with."""
    return SIGNED_BY.get(service, service)
