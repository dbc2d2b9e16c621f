import pytest
from hypothesis import given
from hypothesis import strategies as st

from resoto_dagster.cleanup.owners import owner_named, owner_of
from resoto_dagster_tests.cleanup.announceables import notices, stored

MAIL = {"host": "mail.example.com", "sender": "resoto@example.com"}
SETTINGS = notices(
    owner_tags=["owner", "team"],
    accounts={"sim": {"a1": "platform"}},
    default="everybody",
    owners={
        "platform": {"slack": "https://hooks.example.com/platform"},
        "web": {"discord": "https://discord.example.com/web"},
        "everybody": {"mail": "all@example.com"},
    },
    mail=MAIL,
    mail_domains=["Example.com"],
)


def named(settings=SETTINGS, **given: object) -> str | None:
    owner = owner_of(stored(**given), settings)
    return None if owner is None else owner.name


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ({"owner": "web"}, "web"),
        ({"owner": " web "}, "web"),
        ({"team": "web"}, "web"),
        ({"owner": "web", "team": "everybody"}, "web"),
        ({"owner": "nobody we know", "team": "web"}, "web"),
        ({"owner": "nobody we know"}, "platform"),
        ({"owner": ""}, "platform"),
        ({"owner": None}, "platform"),
        ({"Owner": "web"}, "platform"),
        ({}, "platform"),
        ({"owner": "Jane@Example.com"}, "jane@example.com"),
        ({"owner": "jane@evil.example"}, "platform"),
        ({"owner": "jane@sub.example.com"}, "platform"),
        ({"owner": "jane@example.com.evil.example"}, "platform"),
        ({"owner": "jane@evil.example,jane@example.com"}, "platform"),
        ({"owner": "<jane@example.com>"}, "platform"),
        ({"owner": "jane@example.com\nBcc: me@evil.example"}, "platform"),
        ({"owner": "jané@example.com"}, "platform"),
    ],
)
def test_tags_name_an_owner_and_else_the_account_does(tags: dict[str, object], name: str) -> None:
    assert named(**tags) == name


def test_what_no_account_has_is_the_default_s() -> None:
    assert named(account="a2") == "everybody"
    assert named(account="a2", owner="web") == "web"


def test_without_a_default_nobody_is_told() -> None:
    settings = SETTINGS.model_copy(update={"default": None})
    assert named(settings, account="a2") is None
    assert named(notices()) is None
    assert named(notices(), owner="jane@example.com") is None


def test_an_address_is_mailed_only_where_its_domain_is_listed_and_there_is_a_server() -> None:
    assert named(notices(mail=MAIL), owner="jane@example.com") is None
    assert named(notices(mail_domains=["example.com"]), owner="jane@example.com") is None
    told = owner_named("Jane@example.com", notices(mail=MAIL, mail_domains=["example.com"]))
    assert told is not None
    assert (told.name, told.told.mail) == ("jane@example.com", "jane@example.com")


@pytest.mark.parametrize("tags", [None, [], "owner", {"owner": ["web"]}, {"owner": 3}])
def test_tags_of_any_form_are_no_error(tags: object) -> None:
    resource = stored()
    assert isinstance(resource.reported, dict)
    resource.reported["tags"] = tags
    owner = owner_of(resource, SETTINGS)
    assert owner is not None
    assert owner.name == "platform"


@given(st.text(max_size=100))
def test_whatever_a_tag_says_only_those_the_settings_name_are_told(value: str) -> None:
    name = named(owner=value)
    assert name is not None
    assert name in SETTINGS.owners or name.endswith("@example.com")
    assert name.isprintable()
    assert name.isascii()
