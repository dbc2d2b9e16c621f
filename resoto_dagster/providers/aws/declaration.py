"""What can be declared of an AWS kind: read top to bottom, a declaration says all that we do with it.

Paths name places in an API answer in the answer's own spelling: `State.Name`, `Attachments[].InstanceId`
(all elements of a list, flattened). In deletions, tag calls and `read` they name places in the resource's
`reported` (`id`, `arn`, `group_vpc_id`), since that is what is known then. A call one of whose params is
not there is not made.

An error code may be followed by words of the message, `ValidationException: Could not find`, where a service
has one code for many things.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from resoto_dagster.model.kind import Kind, Relation
from resoto_dagster.model.resource import GLOBAL

PROVIDER = "aws"
ACCOUNT = "aws_account"
REGION = "aws_region"
"""Every resource belongs to its region, or to its account when it has none; no link has to say so."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A list call: a client method, what it is asked, and where in its answer the items are.

    It is read page by page where botocore knows a paginator for it, or where a page names the next one by a
    `NextToken`. Without `items` the answer itself is the one
    item. An item that is a plain value (a queue's URL) becomes an object with that value as its one member,
    named as the last part of `items`. Items of the same id count once. `page_size` is what a page may hold
    at most, where the API would otherwise answer everything at once. `absent` are the error codes by which
    the API says that the service is not in use in that account or region, so that there are no items; that
    access is denied says no such thing.
    With `each`, the call is made for every item of that list call (a user's access keys, user by user), and
    params that start with `item.` are paths into that item; `read` narrows to one call and asks none of them.
    `owner` is the member of an item that holds that item of the other list call, where its own answer does
    not name it. `read` then says what is known of it instead of params: `{"item.Id": "record_zone_id"}`.
    With `recurse` the call is made for every item that it finds itself, too (units within units).
    With `where` only those items count at whose path there is one of the values. In these and in params
    `{account}` stands for the id of the account that asks.
    `errors` is the path at which an answer lists what could not be read though the call succeeded.
    With `split` an item becomes as many as the list at that member has elements, each with one of them there.
    """

    operation: str
    items: str
    params: Mapping[str, Any] = field(default_factory=dict)
    each: "Call | None" = None
    owner: str = ""
    split: str = ""
    recurse: bool = False
    where: tuple[str, tuple[str, ...]] | None = None
    errors: str = ""
    page_size: int | None = None
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Detail:
    """A further call for every listed item, whose answer is put into the item as its member `into`.

    With an empty `into` the members of the answer become members of the item. `result` is the place in the
    answer; without it the whole answer counts, and `beside` is a member of the answer that is put into the
    item, too (the tags of what is described). Details are called in the order they are declared in, and are
    paginated as list calls are.
    `params` takes paths into the item (a path in a list, `["LoadBalancerName"]`, makes a list), or a `Value`
    where more than a path decides whether and what to ask. An ARN that AWS wants and does not answer is a
    text made of members: `arn:{partition}:athena:{region}:{account}:workgroup/{Name}`.
    With a `batch` one call asks for that many items (the list param then holds each item's value once, the
    other params are the same for all of them), and
    `match` says which path of an answer's element equals which path of the item: `(answer, item)`. With
    `or_gone`, an item of which the answers say nothing went since it was listed.
    Without `params` one call answers for all items: each gets the element that its `match` finds in the
    answer, or the answer as it is. `ready` is a path of the answer and the value there by which it says that
    it is ready; until then it is asked for again, for a few minutes at most.
    `each` is the path of a list in the item, filled by an earlier detail: the call is made for each of its
    elements, `params` are then paths into the element, and the results, lists all, are joined to one.
    With `everywhere` the answer of a batch holds for all accounts and regions, so that each value is asked
    for once only (an instance type's memory).
    `absent` are the error codes by which the API says that there is none; any other error fails the scope.
    `const` are params that are passed as they are; `service` is named when it is another one's call.
    """

    operation: str
    params: "Mapping[str, str | list[str] | list[Value] | Value]"
    into: str
    result: str | None = None
    beside: str | None = None
    batch: int = 1
    match: "tuple[str, str | Value] | None" = None
    or_gone: bool = False
    ready: tuple[str, str] | None = None
    everywhere: bool = False
    each: str | None = None
    absent: tuple[str, ...] = ()
    const: Mapping[str, Any] = field(default_factory=dict)
    service: str | None = None


@dataclass(frozen=True, kw_only=True)
class LastUse:
    """A detail of CloudWatch: when items were last read and written, as `LastRead` and `LastWritten`.

    The metrics `read` and `written` of the `namespace` tell it, those whose `dimension` is what is at the
    path `id`. `idle` is a path and the values there by which an item says that it is not in use; of others
    nothing is asked. `since` leads to when it was created.
    """

    namespace: str
    dimension: str
    read: str
    written: str
    id: str
    idle: tuple[str, tuple[str, ...]]
    since: str
    service: ClassVar = "cloudwatch"
    operation: ClassVar = "get_metric_data"
    members: ClassVar = {"LastRead": "timestamp", "LastWritten": "timestamp"}


@dataclass(frozen=True, kw_only=True)
class Price:
    """A detail of AWS's price list: US dollars for one unit on demand, as `OndemandCost`.

    `code` is the price list's name of the service, `paths` and `const` are the attributes of the product: by
    name what is at a path of the item, or what is the same for all. The region goes without saying.
    """

    code: str
    paths: Mapping[str, str]
    const: Mapping[str, str]
    service: ClassVar = "pricing"
    operation: ClassVar = "get_products"
    members: ClassVar = {"OndemandCost": "double"}


@dataclass(frozen=True, slots=True)
class Value:
    """A normalised property: a path, and what makes the property's value of what is there.

    Several paths give the function as many arguments, None for those where nothing is there. With nothing
    there at all the value is `absent`; a property without a value is left out.
    """

    path: str | tuple[str, ...]
    convert: Callable[..., Any]
    absent: Any = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Its paths, be it one or several."""
        return (self.path,) if isinstance(self.path, str) else self.path


@dataclass(frozen=True, kw_only=True)
class Link:
    """An edge to what a path of the item names; never to the resource itself.

    Where a path leads to more than the names, a `Value` makes the name, or the list of names, of it.
    A `parent` is what the resource belongs to: the edge leads from it to the resource; otherwise the edge
    leads from the resource to what it uses. `delete="before"`: the resource must go before the other one;
    `"after"`: the other one must go first.
    """

    kind: str
    path: str | Value
    by: Literal["id", "arn", "name"] = "id"
    parent: bool = False
    delete: Literal["before", "after"] | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call of a deletion. Params are paths into `reported`; in a list they make a list, and a `Value`
    makes more of them.

    With `each`, the call is made for every item of that list call (its params are paths into `reported`
    too), and params that start with `item.` are paths into the item. An item that lacks one of them is
    passed over. With a `batch` one call takes that many items: a param that is a mapping becomes a list with
    an object of these members an item. Dotted params (`Delete.Objects`) lead into a structure; `const` are
    params that are passed as they are, also into a structure that a param has found.
    `absent` are the error codes by which the API says that there is nothing to do for this step; the next
    step follows. `errors` is the path at which an answer lists what was refused though the call succeeded.
    `until` is the waiter of botocore after which the next step may follow, asked with the same params: what
    has to stop before it can be deleted takes its time. Where botocore has none, `early` are the error codes
    by which the API says that it is still too early for this step, which is then tried again.
    Of several steps with the last one's operation, for resources that are told apart by different params, one
    has to find its params.
    """

    operation: str
    params: Mapping[str, str | list[str] | Mapping[str, str] | Value]
    const: Mapping[str, Any] = field(default_factory=dict)
    each: Call | None = None
    batch: int = 1
    absent: tuple[str, ...] = ()
    errors: str | None = None
    until: str | None = None
    early: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tagging:
    """How tags are set and removed. `tags` and `keys` name the params that take them (`Tagging.TagSet`).
    `named` says how a tag object calls its key and its value.

    `params` are paths into `reported`, `const` goes along as it is with both calls. Every tag and every key
    object carries what is at the paths of `tag_members`, and `tag_const`, too.
    `replaces`: the upsert call sets all tags at once, so that those that stay are read first and sent along;
    `remove` takes no keys then and is called when no tag is left.
    """

    upsert: str
    remove: str
    params: Mapping[str, str | list[str]]
    tags: str = "Tags"
    keys: str = "TagKeys"
    tags_form: Literal["list", "map"] = "list"
    keys_form: Literal["names", "objects"] = "names"
    named: tuple[str, str] = ("Key", "Value")
    const: Mapping[str, Any] = field(default_factory=dict)
    tag_members: Mapping[str, str] = field(default_factory=dict)
    tag_const: Mapping[str, Any] = field(default_factory=dict)
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What AWS does not delete by itself: what is at the path `property` of `reported` is one of `values`.

    Of a list (`route_table_associations[].main`) one element is enough. `along`: AWS deletes it along with
    what it belongs to.
    """

    property: str
    values: tuple[Any, ...]
    reason: str
    along: bool = False


@dataclass(frozen=True, kw_only=True)
class AwsKind(Kind):
    """The declaration of an AWS kind.

    `prefix` (`instance`) is put before the snake_case name of every member of an item that nothing else
    names and that is not dropped: `ImageId` becomes `instance_image_id`, while a name that starts with the
    prefix already stays. Members of structures inside are named in snake_case alone; keys of maps stay.
    `id` must be one of a kind in account and region; where no path alone leads to it, a `Value` makes it.
    `name_path` leads to the name (of a list: its first element); without one, or with nothing there, the tag
    `Name`, then the id. `arn` is a path, or a text that holds `{partition}`, `{region}`, `{account}`,
    `{id}`, `{name}` and names of properties where the API does not answer an ARN. If it answers some, they
    are the property `arn` and the text makes those of the others.
    Times are ISO 8601 or seconds since 1970 where AWS answers them as text, milliseconds where as numbers.
    `secret` are the paths of maps of which the keys alone are kept, since their values often are passwords
    (the environment of a container), and of texts that are not kept at all.
    A kind that is not `regional` belongs to its account as a whole. The `global_api` lists what of a regional
    kind does so, too, in the partition's home region (firewalls of CloudFront). With a `region_path` each
    resource lies in the region that is found there, and details are asked for in it.
    `read` narrows the list call to one resource; `missing` are the error codes that say it is gone;
    without `read` the whole list is read. `gone` are the values at a path by which the API reports what is
    deleted already, or is not the account's own; those are not collected. A kind that `takes_along` has AWS
    delete all that its resources lead to with them, or what is of the kinds named there. `changing` are
    properties that change by themselves, or when a dependant goes: no reason to keep what was planned.
    `unties` are the calls by which it lets go of one of another kind that must otherwise outlive it, `untied`
    the properties that change by them; paths that start with `other.` lead into what is reported of that one.
    `volatile` are those that change all the time: they are no change of the resource at all.
    """

    service: str
    api: Call
    id: str | Value
    prefix: str
    name_path: str | Value | None = None
    arn: str | None = None
    ctime: str | Value | None = None
    mtime: str | Value | None = None
    atime: str | Value | None = None
    tags: str = "Tags"
    regional: bool = True
    global_api: Call | None = None
    properties: Mapping[str, str | Value] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    details: tuple[Detail | LastUse | Price, ...] = ()
    region_path: str | Value | None = None
    links: tuple[Link, ...] = ()
    read: Mapping[str, str | list[str] | Value] | None = None
    missing: tuple[str, ...] = ()
    gone: tuple[str, tuple[Any, ...]] | None = None
    delete: tuple[Step, ...] = ()
    tagging: Tagging | None = None
    held_back: tuple[HeldBack, ...] = ()
    takes_along: bool | tuple[str, ...] = False
    unties: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    untied: tuple[str, ...] = ()
    changing: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()

    def api_in(self, region: str) -> Call | None:
        """The list call for a region, or `global` for the account as a whole; None where there are none."""
        if region == GLOBAL:
            return self.global_api if self.regional else self.api
        return self.api if self.regional else None

    @property
    def parents(self) -> tuple[str, ...]:
        """The kinds its resources belong to: its region or account, and those of its parent links."""
        if self.name == ACCOUNT:
            return ()
        place = REGION if self.regional or self.region_path else ACCOUNT
        linked = (link.kind for link in self.links if link.parent and link.kind != self.name)
        return tuple(dict.fromkeys((place, *linked)))

    @property
    def relations(self) -> tuple[Relation, ...]:
        """Its region or account, and what its links lead to."""
        placed = () if self.name == ACCOUNT else (Relation(self.parents[0], "belongs to"),)
        linked = (
            Relation(link.kind, "belongs to" if link.parent else "uses", link.delete) for link in self.links
        )
        return tuple(dict.fromkeys((*placed, *linked)))

    @property
    def changing_steps(self) -> tuple[Step, ...]:
        """All steps that change a resource of the kind, or delete it."""
        return (*self.delete, *(step for steps in self.unties.values() for step in steps))

    @property
    def deletable(self) -> bool:
        """Whether AWS has a call that deletes it."""
        return bool(self.delete)

    @property
    def taggable(self) -> bool:
        """Whether AWS lets its tags be changed."""
        return self.tagging is not None

    def takes(self, kind: str) -> bool:
        """Whether AWS deletes all of a kind that its resources lead to with them."""
        return self.takes_along if isinstance(self.takes_along, bool) else kind in self.takes_along

    @property
    def unsettled(self) -> frozenset[str]:
        """Properties that change by themselves, or when a dependant goes."""
        return frozenset((*self.changing, *self.volatile))
