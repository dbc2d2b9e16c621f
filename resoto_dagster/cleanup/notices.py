"""What an owner is told before resources are deleted, and telling it: by Slack, Discord or mail.

Names, ids and reasons hold what anybody with access to the cloud has written. They are shown as text and
nothing else: not as a link, a mention, a line of their own or a header.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from resoto_dagster.cleanup.owners import Owner
from resoto_dagster.cleanup.plan import Plan
from resoto_dagster.cleanup.sending import post, send_mail
from resoto_dagster.config import NoticesSettings
from resoto_dagster.errors import ResotoError
from resoto_dagster.model.durations import spell_duration
from resoto_dagster.model.resource import StoredResource

SLACK_SECTION, SLACK_SECTIONS = 3000, 10
"""Slack's limit of a section's text, and of how many sections with resources a message has at most."""

DISCORD_EMBED = 4096
"""Discord's limit of an embed's description."""

MAIL_TEXT = 100_000
"""How long the list of resources in a mail may be, in characters."""

APPROVAL_LINE = 400
"""How long what is said of each resource of a plan that waits may be, in characters."""

_FENCE = "```"
_REST = "and {} more, see `resoto plan show`"


@dataclass(frozen=True, slots=True)
class Announceable:
    """A resource that is to go, and that its owner is to be told of.

    `authors` are source and author of the marks whose grace has not begun, `due` is when it may go if it is
    told now, `monthly_cost` is in US dollars. Of what is `quiet` nobody is told: the plan announces it.
    """

    resource: StoredResource
    account_name: str | None
    region: str
    reason: str
    authors: tuple[tuple[str, str], ...]
    due: datetime
    monthly_cost: float | None
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message, whichever way it goes: what it is about, a text for each resource, and what can be done."""

    subject: str
    headline: str
    resources: tuple[str, ...]
    link: str | None
    closing: str


def message_about(
    found: Sequence[Announceable], settings: NoticesSettings, link: str | None = None
) -> Message:
    """What tells of resources, those that may go first at the top; `link` leads to keeping them."""
    ordered = sorted(found, key=lambda one: (one.due, str(one.resource)))
    what = "1 resource" if len(ordered) == 1 else f"{len(ordered)} resources"
    headline = f"{what} of yours will be deleted, from {_moment(ordered[0].due)} on."
    costs = [one.monthly_cost for one in ordered if one.monthly_cost is not None]
    if costs:
        headline += f" Cost, as far as known: ${sum(costs):,.2f} a month."
    for_ = spell_duration(settings.keep_for)
    if link is not None:
        closing = f"What you keep there stays for {for_}."
    else:
        closing = f"To keep one: `resoto keep ID --for {for_} --reason WHY`."
    return Message(
        subject=f"{what} will be deleted",
        headline=headline,
        resources=tuple(map(_told, ordered)),
        link=link,
        closing=f"{closing} The whole plan: `resoto plan show`.",
    )


def approval_message(plan: Plan) -> Message:
    """What tells of a plan that waits for approval."""
    what = "1 resource" if len(plan.going) == 1 else f"{len(plan.going)} resources"
    why = one_line(plan.waits or "", APPROVAL_LINE)
    return Message(
        subject=f"Plan {plan.plan_id} waits for approval",
        headline=(
            f"Plan {plan.plan_id} would delete {what} and waits for approval: {why}. "
            f"Saves ${plan.monthly_cost:,.2f} a month, as far as known."
        ),
        resources=tuple(
            one_line(f"{item.resource}: {item.reason} [{item.author}]", APPROVAL_LINE) for item in plan.going
        ),
        link=None,
        closing=(
            f"Look at it: `resoto plan show --run {plan.root_run_id}`. Then decide: "
            f"`resoto plan approve {plan.plan_id} --reason WHY`, `resoto plan reject {plan.plan_id} "
            "--reason WHY`, or in the UI the job decide_on_plan."
        ),
    )


def trial_message(owner: Owner) -> Message:
    """A message by which one sees that an owner is reached."""
    return Message(
        subject="A test of resoto",
        headline=f"This is a test. Here {owner.name} is told before resources are deleted.",
        resources=(),
        link=None,
        closing="Nothing is to be done.",
    )


def tell(owner: Owner, message: Message, settings: NoticesSettings) -> None:
    """Send a message to its owner. Raises ResotoError, without a secret, unless it was accepted."""
    try:
        if owner.told.slack is not None:
            post("Slack", owner.told.slack, for_slack(message))
        elif owner.told.discord is not None:
            post("Discord", owner.told.discord, for_discord(message))
        elif owner.told.mail is not None and settings.mail is not None:
            send_mail(settings.mail, owner.told.mail, message.subject, for_mail(message))
        else:
            raise ResotoError("cleanup.notices.mail names no mail server")
    except ResotoError as error:
        raise ResotoError(f"{owner.name} could not be told: {error}") from None


def for_slack(message: Message) -> dict[str, Any]:
    """The message as an incoming webhook of Slack takes it."""
    room = SLACK_SECTION - 2 * len(_FENCE) - 2
    parts, rest = _parted(map(_slack_literal, message.resources), room, SLACK_SECTIONS)
    link = () if message.link is None else (f"<{message.link}|Keep what is still needed>",)
    closing = "\n".join((*_rest(rest), *link, _slack_escaped(message.closing)))
    texts = [_slack_escaped(message.headline), *(f"{_FENCE}\n{part}\n{_FENCE}" for part in parts), closing]
    return {
        "text": _slack_escaped(message.subject),
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}} for text in texts
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def for_discord(message: Message) -> dict[str, Any]:
    """The message as a webhook of Discord takes it."""
    room = DISCORD_EMBED - 2 * len(_FENCE) - 2
    parts, rest = _parted(map(_literal, message.resources), room, 1)
    link = () if message.link is None else (f"Keep what is still needed: <{message.link}>",)
    return {
        "content": "\n".join((message.headline, *_rest(rest), *link, message.closing)),
        "embeds": [{"description": f"{_FENCE}\n{part}\n{_FENCE}"} for part in parts],
        "allowed_mentions": {"parse": []},
    }


def for_mail(message: Message) -> str:
    """The message as plain text."""
    parts, rest = _parted(message.resources, MAIL_TEXT, 1)
    link = () if message.link is None else (f"Keep what is still needed: {message.link}",)
    paragraphs = (message.headline, *parts, *_rest(rest), *link, message.closing)
    return "\n\n".join(paragraphs) + "\n"


def _told(one: Announceable) -> str:
    """Two lines about a resource."""
    name = "" if one.resource.name == one.resource.id else f' "{one_line(one.resource.name, 60)}"'
    where = f"{one_line(one.account_name or one.resource.scope.account, 40)} {one_line(one.region, 30)}"
    cost = "" if one.monthly_cost is None else f", ${one.monthly_cost:,.2f} a month"
    what = f"{one_line(one.resource.scope.kind, 60)} {one_line(one.resource.id, 120)}{name}"
    return f"{what} in {where}{cost}\n    from {_moment(one.due)} on: {one_line(one.reason, 140)}"


def one_line(text: str, length: int) -> str:
    """One line of printable text, cut to a length in characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z"


def _parted(texts: Iterable[str], room: int, most: int) -> tuple[list[str], int]:
    """The texts in at most so many parts that each have room, and how many texts found none."""
    parts: list[str] = []
    rest = 0
    for text in texts:
        joined = f"{parts[-1]}\n{text}" if parts else text
        if rest or _size(text) > room or (len(parts) == most and _size(joined) > room):
            rest += 1
        elif parts and _size(joined) <= room:
            parts[-1] = joined
        else:
            parts.append(text)
    return parts, rest


def _size(text: str) -> int:
    """How long a service takes a text to be that counts UTF-16, as JavaScript does."""
    return len(text.encode("utf-16-le")) // 2


def _rest(count: int) -> tuple[str, ...]:
    return (_REST.format(count),) if count else ()


def _literal(text: str) -> str:
    """Text for between fences, which it can't close."""
    return text.replace("`", "'")


def _slack_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _slack_literal(text: str) -> str:
    return _slack_escaped(_literal(text))
