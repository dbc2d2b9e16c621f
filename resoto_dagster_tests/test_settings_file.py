"""The settings file: what is taken, and for everything else one line with its place and what was meant."""

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resoto_dagster.config import GATES, Settings
from resoto_dagster.errors import ConfigError
from resoto_dagster.providers import load_provider
from resoto_dagster.settings_file import config_path, load_settings, parse_settings

EXAMPLE = Path(__file__).parents[1] / "resoto.yaml"
DURATION = "expected e.g. 30d, 2h30m or '7 days 4 hours' (m is minutes, M is months)"
CRON = "expected five fields, e.g. '0 * * * *'"

REFUSED = {
    # unknown keys, at every level
    "provider: {}": "1: provider: unknown key 'provider'; did you mean 'providers'?",
    "\nxyz: 1": f"2: xyz: unknown key 'xyz'; expected one of: {', '.join(Settings.model_fields)}",
    "cleanup:\n  dryrun: false": "2: cleanup.dryrun: unknown key 'dryrun'; did you mean 'dry_run'?",
    "cleanup:\n  budget:\n    shares: 1": (
        "3: cleanup.budget.shares: unknown key 'shares'; did you mean 'share'?"
    ),
    "cleanup: {planners: {expird: {}}}": (
        "1: cleanup.planners.expird: unknown key 'expird'; did you mean 'expired'?"
    ),
    "cleanup:\n  planners:\n    expired:\n      enable: true": (
        "4: cleanup.planners.expired.enable: unknown key 'enable'; did you mean 'enabled'?"
    ),
    "cleanup:\n  rules:\n    - {name: a, search: is(volume), reason: x}\n"
    "    - {name: a, search: is(volume), reason: x}": (
        "4: cleanup.rules.1.name: 'a' is another rule's name already"
    ),
    "cleanup:\n  rules:\n    - {name: A b, search: is(volume), reason: x}": (
        "3: cleanup.rules.0.name: expected a name of small letters, digits and _, e.g. nightly, not 'A b'"
    ),
    "cleanup:\n  rules:\n    - {name: a, search: is(volume), reason: ''}": (
        "3: cleanup.rules.0.reason: expected a text, not ''"
    ),
    "cleanup:\n  rules:\n    - name: a\n      reason: x\n      search: is(volume": (
        "5: cleanup.rules.0.search: line 1, column 10: expected ), a comma\n  is(volume\n           ^"
    ),
    "cleanup:\n  rules:\n    - {name: a, reason: x, search: is(volume) | count}": (
        "3: cleanup.rules.0.search: | count gives no resources to work on; use sort and limit to choose them"
    ),
    "cleanup: {planners: {untagged: {accounts: {awss: []}}}}": (
        "1: cleanup.planners.untagged.accounts.awss: unknown provider 'awss'; did you mean 'aws'?"
    ),
    "cleanup:\n  planners:\n    untagged:\n      kinds: [volume,\n        volum]": (
        "5: cleanup.planners.untagged.kinds.1: unknown kind 'volum'; did you mean 'volume'?"
    ),
    "cleanup: {planners: {untagged: {tags: []}}}": (
        "1: cleanup.planners.untagged.tags: expected at least one, not []"
    ),
    "cleanup: {planners: {volumes: {min_age: 0d}}}": (
        "1: cleanup.planners.volumes.min_age: duration '0d' is empty or zero; "
        "expected e.g. 30d, 2h30m or '7 days 4 hours' (m is minutes, M is months)"
    ),
    "cleanup: {planners: {volumes: {min_age: -14d}}}": (
        "1: cleanup.planners.volumes.min_age: duration '-14d' is negative; "
        "expected e.g. 30d, 2h30m or '7 days 4 hours' (m is minutes, M is months)"
    ),
    "providers: {aws: {}}\ncleanup:\n  planners:\n    protector:\n      resources:\n        aws:\n"
    "          '1':\n            eu-west-1:\n              aws_ec2_volum: [vol-1]": (
        "9: cleanup.planners.protector.resources.aws.1.eu-west-1.aws_ec2_volum: "
        "unknown kind 'aws_ec2_volum'; did you mean 'aws_ec2_volume'?"
    ),
    "actions:\n  pre_cleanup:\n    timeot: 5m": (
        "3: actions.pre_cleanup.timeot: unknown key 'timeot'; did you mean 'timeout'?"
    ),
    "hooks: {module: [a]}": "1: hooks.module: unknown key 'module'; did you mean 'modules'?",
    "metrics:\n  host: ::1\n  prot: 1": "3: metrics.prot: unknown key 'prot'; did you mean 'port'?",
    "providers:\n  aws:\n    acounts: []": (
        "3: providers.aws.acounts: unknown key 'acounts'; did you mean 'accounts'?"
    ),
    "providers:\n  aws:\n    accounts:\n      - id: '123456789012'\n        rol: x": (
        "5: providers.aws.accounts.0.rol: unknown key 'rol'; did you mean 'role'?"
    ),
    # names of the user's own choice that must be known ones
    "providers:\n  awss: {}": "2: providers.awss: unknown provider 'awss'; did you mean 'aws'?",
    "providers: {aws: {kinds: [volume,\n  aws_ec2_instace]}}": (
        "2: providers.aws.kinds.1: unknown kind 'aws_ec2_instace'; did you mean 'aws_ec2_instance'?"
    ),
    "providers: {aws: {kinds: [volum]}}": (
        "1: providers.aws.kinds.0: unknown kind 'volum'; did you mean 'volume'?"
    ),
    "providers: {aws: {kinds: [[volume]]}}": (
        "1: providers.aws.kinds.0: expected the name of a kind, not ['volume']"
    ),
    "providers: {aws: {kinds: aws_vpc}}": (
        "1: providers.aws.kinds: expected a list of kinds, or all, not 'aws_vpc'"
    ),
    "actions:\n  pre_clenup: {}": (
        "2: actions.pre_clenup: unknown action 'pre_clenup'; did you mean 'pre_cleanup'?"
    ),
    "actions: {cleanup: {}}": ("1: actions.cleanup: unknown action 'cleanup'; did you mean 'pre_cleanup'?"),
    "actions: {nothing: {}}": (
        f"1: actions.nothing: unknown action 'nothing'; expected one of: {', '.join(GATES)}"
    ),
    "cleanup:\n  accounts:\n    asw: []": (
        "3: cleanup.accounts.asw: unknown provider 'asw'; did you mean 'aws'?"
    ),
    # notices: owners that are not known, and values that may be secrets and are not repeated
    "cleanup:\n  notices:\n    owners: {web: {mail: a@b.example}}\n"
    "    mail: {host: m, sender: a@b.example}\n    default: wbe": (
        "5: cleanup.notices.default: is no name under cleanup.notices.owners; did you mean 'web'?"
    ),
    "cleanup: {notices: {default: HIDDEN}}": (
        "1: cleanup.notices.default: is no name under cleanup.notices.owners; nobody is named there"
    ),
    "cleanup:\n  notices:\n    owners: {web: {slack: 'https://s.example/HIDDEN'}}\n    accounts:\n"
    "      aws:\n        '1': https://s.example/HIDDEN": (
        "6: cleanup.notices.accounts.aws.1: is no name under cleanup.notices.owners; expected one of: web"
    ),
    "cleanup: {notices: {accounts: {awss: {}}}}": (
        "1: cleanup.notices.accounts.awss: unknown provider 'awss'; did you mean 'aws'?"
    ),
    "cleanup: {notices: {accounts: {aws: https://s.example/HIDDEN}}}": (
        "1: cleanup.notices.accounts.aws: expected a section"
    ),
    "cleanup:\n  notices:\n    owners:\n      web: {mail: a@b.example}": (
        "4: cleanup.notices.owners.web.mail: needs the server in cleanup.notices.mail"
    ),
    "cleanup: {notices: {mail_domains: [b.example]}}": (
        "1: cleanup.notices.mail_domains: needs the server in cleanup.notices.mail"
    ),
    "cleanup: {notices: {mail_domains: ['@b.example']}}": (
        "1: cleanup.notices.mail_domains.0: expected what stands behind the @ of a mail address, "
        "e.g. example.com"
    ),
    "cleanup:\n  notices:\n    owners:\n      web: {slak: https://s.example/HIDDEN}": (
        "4: cleanup.notices.owners.web.slak: unknown key 'slak'; did you mean 'slack'?"
    ),
    "cleanup:\n  notices:\n    owners:\n      web: https://s.example/HIDDEN": (
        "4: cleanup.notices.owners.web: expected a section"
    ),
    "cleanup: {notices: {owners: {web: {}}}}": (
        "1: cleanup.notices.owners.web: expected exactly one of: slack, discord, mail"
    ),
    "cleanup: {notices: {owners: {web: {mail: a@b.example, slack: 'https://s.example/HIDDEN'}}}}": (
        "1: cleanup.notices.owners.web: expected exactly one of: slack, discord, mail"
    ),
    "cleanup: {notices: {owners: {web: {mail: 'Web <a@b.example>'}}}}": (
        "1: cleanup.notices.owners.web.mail: expected a mail address, e.g. team@example.com"
    ),
    "cleanup: {notices: {mail: {host: m, password: HIDDEN}}}": "1: cleanup.notices.mail.sender: is missing",
    "cleanup: {notices: {mail: {host: m, sender: a@b.example, user: u}}}": (
        "1: cleanup.notices.mail: expected user and password, or neither"
    ),
    "cleanup: {notices: {mail: {host: m, sender: a@b.example, user: u, password: 47114711}}}": (
        "1: cleanup.notices.mail.password: expected a text in quotes, or ${NAME} for the environment's "
        "variable NAME"
    ),
    "cleanup: {notices: {mail: {host: m, sender: a@b.example, user: u, password: '${NO_SUCH_THING}'}}}": (
        "1: cleanup.notices.mail.password: the environment has no variable NO_SUCH_THING"
    ),
    "cleanup: {notices: {mail: {host: m, sender: a@b.example, user: u, password: HIDDEN, security: none}}}": (
        "1: cleanup.notices.mail: a password is not sent in the clear; expected security: starttls or tls"
    ),
    "cleanup: {notices: {mail: {host: m, sender: a@b.example, security: ssl}}}": (
        "1: cleanup.notices.mail.security: Input should be 'starttls', 'tls' or 'none'"
    ),
    "cleanup: {notices: {link: 'https://keep.example.com/?a=b'}}": (
        "1: cleanup.notices.link: expected an address without ? and #"
    ),
    **{
        f"cleanup: {{notices: {{owners: {{web: {{slack: '{address}'}}}}}}}}": (
            "1: cleanup.notices.owners.web.slack: expected an address that starts with https:// "
            "(http:// only to this machine itself)"
        )
        for address in (
            *("HIDDEN", "http://s.example/HIDDEN", "https://", "https:///HIDDEN", "file:///HIDDEN"),
            *("https://me:HIDDEN@s.example/", "https://s.example:99999/HIDDEN", "https://[HIDDEN/"),
            *(
                "https://s.example/HIDDEN x",
                "https://s.example/HIDDEN\u00fc",
                "http://localhost.example/HIDDEN",
            ),
        )
    },
    # durations
    "actions: {pre_cleanup: {timeout: 5}}": (
        "1: actions.pre_cleanup.timeout: expected a duration as text, e.g. 5m, not 5"
    ),
    "actions: {pre_cleanup: {timeout: 5 minuets}}": (
        f"1: actions.pre_cleanup.timeout: duration '5 minuets' has the unknown unit 'minuets'; {DURATION}"
    ),
    "actions: {pre_cleanup: {timeout: 0s}}": (
        f"1: actions.pre_cleanup.timeout: duration '0s' is empty or zero; {DURATION}"
    ),
    "cleanup:\n  max_data_age: -2h": f"2: cleanup.max_data_age: duration '-2h' is negative; {DURATION}",
    "cleanup:\n  max_data_age:": ("2: cleanup.max_data_age: expected a duration as text, e.g. 5m, not None"),
    # the schedule
    "schedule: '61 * * * *'": f"1: schedule: '61 * * * *' is no cron expression; {CRON}",
    "schedule: hourly": f"1: schedule: 'hourly' is no cron expression; {CRON}",
    "schedule: ''": f"1: schedule: '' is no cron expression; {CRON}",
    "schedule: 5": "1: schedule: expected a cron expression as text, e.g. '0 * * * *', not 5",
    # wrong types and values
    "cleanup: true": "1: cleanup: expected a section, not True",
    "cleanup:": "1: cleanup: expected a section, but there is nothing",
    "actions:\n  pre_cleanup:": "2: actions.pre_cleanup: expected a section, but there is nothing",
    "actions: [pre_cleanup]": "1: actions: expected a section, not ['pre_cleanup']",
    "cleanup: {enabled: 'yes'}": "1: cleanup.enabled: expected true or false, not 'yes'",
    "cleanup: {dry_run: 0}": "1: cleanup.dry_run: expected true or false, not 0",
    "cleanup: {budget: {resources: 1.5}}": "1: cleanup.budget.resources: expected a whole number, not 1.5",
    "cleanup: {budget: {resources: '9'}}": "1: cleanup.budget.resources: expected a whole number, not '9'",
    "cleanup: {budget: {resources: -1}}": (
        "1: cleanup.budget.resources: Input should be greater than or equal to 0, not -1"
    ),
    "cleanup: {budget: {share: 20}}": (
        "1: cleanup.budget.share: Input should be less than or equal to 1, not 20"
    ),
    "cleanup: {budget: {share: 20%}}": "1: cleanup.budget.share: expected a number, not '20%'",
    "cleanup: {budget: {share: .nan}}": (
        "1: cleanup.budget.share: Input should be less than or equal to 1, not nan"
    ),
    "metrics: {port: 70000}": "1: metrics.port: Input should be less than or equal to 65535, not 70000",
    "metrics: {host: 127}": "1: metrics.host: expected a text, not 127 (put it into quotes)",
    "actions: {pre_cleanup: {on_error: abort}}": (
        "1: actions.pre_cleanup.on_error: Input should be 'continue' or 'stop', not 'abort'"
    ),
    "hooks: {modules: hooks}": "1: hooks.modules: expected a list, not 'hooks'",
    "hooks: {modules: [1]}": "1: hooks.modules.0: expected a text, not 1 (put it into quotes)",
    "providers: [aws]": "1: providers: expected a section a provider, not ['aws']",
    "providers: {aws: all}": "1: providers.aws: expected settings of the provider, not 'all'",
    # accounts
    "cleanup:\n  accounts:\n    aws:\n      - '123456789012'\n      - 123456789012": (
        "5: cleanup.accounts.aws.1: expected a text, not 123456789012 (put it into quotes)"
    ),
    "cleanup: {accounts: {aws: '123456789012'}}": (
        "1: cleanup.accounts.aws: expected a list, not '123456789012'"
    ),
    "providers:\n  aws:\n    accounts:\n      - id: 123456789012": (
        "4: providers.aws.accounts.0.id: an account is a text of 12 digits or 'default', not 123456789012 "
        "(put it into quotes: YAML takes bare digits as a number)"
    ),
    "providers:\n  aws:\n    accounts:\n      - {}\n      - role: resoto": (
        "5: providers.aws.accounts.1: an account with a role needs its id"
    ),
    "providers:\n  aws:\n    accounts: ['123456789012']": (
        "3: providers.aws.accounts.0: expected a section, not '123456789012'"
    ),
    "providers:\n  aws:\n    accounts: [{}, {}]": "3: providers.aws.accounts: listed twice: default",
    "providers:\n  aws:\n    regions:\n      - us-east-1\n      - eu-west": (
        "5: providers.aws.regions.1: a region looks like us-east-1, not 'eu-west'"
    ),
    "providers:\n  aws:\n    accounts:\n      - {id: '111111111111', role: a}\n"
    "      - {id: '111111111111', role: b}": (
        "3: providers.aws.accounts: listed twice: 111111111111 (roles a, b)"
    ),
    "providers:\n  aws:\n    accounts:\n      - id: '111111111111'\n        role: r/\u00fc": (
        "5: providers.aws.accounts.0.role: a role is a name, or an ARN like "
        "arn:aws:iam::{account}:role/resoto, not 'r/\u00fc'"
    ),
    "providers:\n  aws:\n    accounts:\n      - id: '111111111111'\n"
    "        role: arn:aws:iam::222222222222:role/x": (
        "4: providers.aws.accounts.0: the role is one of account 222222222222, not of 111111111111"
    ),
    "providers:\n  aws:\n    accounts:\n      - id: '111111111111'\n        regions:": (
        "5: providers.aws.accounts.0.regions: expected something, but there is nothing"
    ),
    # organizations
    "providers:\n  aws:\n    organization:": (
        "3: providers.aws.organization: expected something, but there is nothing"
    ),
    "providers:\n  aws:\n    organization: o-abcdefghij": (
        "3: providers.aws.organization: expected a section, not 'o-abcdefghij'"
    ),
    "providers:\n  aws:\n    organization:\n      excude: {}": (
        "4: providers.aws.organization.excude: unknown key 'excude'; did you mean 'exclude'?"
    ),
    "providers:\n  aws:\n    organization:\n      role: arn:aws:iam::111111111111:role/x": (
        "4: providers.aws.organization.role: expected a role's name, or an ARN with {account} for the id, "
        "not 'arn:aws:iam::111111111111:role/x'"
    ),
    "providers:\n  aws:\n    organization:\n      list_from:\n        role: lister": (
        "4: providers.aws.organization.list_from: an account with a role needs its id"
    ),
    "providers:\n  aws:\n    organization:\n      include:": (
        "4: providers.aws.organization.include: expected something, but there is nothing"
    ),
    "providers:\n  aws:\n    organization:\n      include: {}": (
        "4: providers.aws.organization.include: expected at least one of: accounts, names, units"
    ),
    "providers:\n  aws:\n    organization:\n      include:\n        name: [a]": (
        "5: providers.aws.organization.include.name: unknown key 'name'; did you mean 'names'?"
    ),
    "providers:\n  aws:\n    organization:\n      exclude:\n        accounts:\n          - 111111111111": (
        "6: providers.aws.organization.exclude.accounts.0: an account is a text of 12 digits, not "
        "111111111111 (put it into quotes: YAML takes bare digits as a number)"
    ),
    "providers:\n  aws:\n    organization:\n      exclude:\n        units: [production]": (
        "5: providers.aws.organization.exclude.units.0: an organizational unit looks like "
        "ou-abcd-12345678, not 'production'"
    ),
    "providers:\n  aws:\n    organization:\n      exclude:\n        names: ['**']": (
        "3: providers.aws.organization: exclude leaves no account: '**' is all of them"
    ),
    "providers:\n  aws:\n    organization:\n      exclude: {units: [r-abcd]}": (
        "3: providers.aws.organization: exclude leaves no account: 'r-abcd' is all of them"
    ),
    "providers:\n  aws:\n    organization:\n      include: {names: [a, b]}\n      exclude: {names: [b]}": (
        "3: providers.aws.organization: both in include and in exclude: b"
    ),
    "providers:\n  aws:\n    accounts: [{id: '111111111111'}]\n"
    "    organization: {exclude: {accounts: ['111111111111']}}": (
        "2: providers.aws: listed under accounts, and excluded from the organization: 111111111111"
    ),
    "providers: {aws: {regions: us-east-1}}": (
        "1: providers.aws.regions: Input should be 'all', not 'us-east-1'"
    ),
    # cleanup
    "cleanup:\n  rules:\n    - {name: a, search: is(volume), reason: r, mark: tag}": (
        "3: cleanup.rules.0: mark: tag needs tags, e.g. {owner: nobody}, and no other mark takes any"
    ),
    "cleanup:\n  rules:\n    - {name: a, search: is(volume), reason: r, tags: {a: b}}": (
        "3: cleanup.rules.0: mark: tag needs tags, e.g. {owner: nobody}, and no other mark takes any"
    ),
    "cleanup:\n  rules:\n    - {name: a, search: is(volume), reason: r, mark: protect, grace: 1d}": (
        "3: cleanup.rules.0: grace is for what should go, not for mark: protect"
    ),
    "cleanup:\n  planners:\n    expired: {grace: -1d}": (
        "3: cleanup.planners.expired.grace: duration '-1d' is negative; expected e.g. 30d, 2h30m or "
        "'7 days 4 hours' (m is minutes, M is months)"
    ),
    "cleanup:\n  planners:\n    aws_vpcs: {grace: 1d}": (
        "3: cleanup.planners.aws_vpcs.grace: unknown key 'grace'; expected one of: enabled, accounts"
    ),
    "cleanup: {approval: allways}": (
        "1: cleanup.approval: Input should be 'none', 'over_budget' or 'always', not 'allways'"
    ),
    "cleanup: {canary: -1}": "1: cleanup.canary: Input should be greater than or equal to 0, not -1",
    "cleanup:\n  notices:\n    approvers: [nobody]": (
        "3: cleanup.notices.approvers: is no name under cleanup.notices.owners; nobody is named there"
    ),
    # what is no settings file at all
    "cleanup:\n  enabled: true\n  dry_run: true\n  enabled: false": (
        "4: cleanup.enabled: 'enabled' stands twice (first in line 2)"
    ),
    "metrics: {}\nmetrics: {}": "2: metrics: 'metrics' stands twice (first in line 1)",
    "a: [": "1: not valid YAML: expected the node content, but found '<stream end>'",
    "metrics: {}\n  port: 1": "2: not valid YAML: expected <block end>, but found '<block mapping start>'",
    "metrics: {}\n---\nhooks: {}": "2: not valid YAML: but found another document",
    "\nschedule: 2026-13-45": "2: not valid YAML: month must be in 1..12",
    "metrics: {}\nschedule: \x00": "2: not valid YAML: special characters are not allowed",
    "x: !!python/object:os.system y": (
        "1: not valid YAML: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/object:os.system'"
    ),
    "- cleanup": "1: expected settings by name, not ['cleanup']",
    "cleanup": "1: expected settings by name, not 'cleanup'",
    "metrics: {}\n1: x": "1: 1: expected a text as key, not 1",
    "metrics: {}\n? [a]\n: b": "2: ?: expected a name as key",
    "metrics: &m\n  again: *m": "1: metrics: nested too deeply",
    "[" * 3000: "1: nested too deeply",
}


@pytest.mark.parametrize(("text", "told"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_can_not_be_taken_is_told_with_its_line_and_what_was_meant(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_settings(text, "resoto.yaml")
    assert str(refused.value) == f"resoto.yaml, line {told}"
    assert "HIDDEN" not in told


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n", "null\n", "providers:\n"])
def test_nothing_said_means_the_defaults(text: str) -> None:
    assert parse_settings(text, "resoto.yaml") == Settings()


def test_by_default_nothing_is_collected_and_nothing_deleted() -> None:
    settings = Settings()
    assert settings.schedule == "0 * * * *"
    assert settings.providers == {}
    assert (settings.cleanup.enabled, settings.cleanup.dry_run, settings.cleanup.accounts) == (
        False,
        True,
        {},
    )
    assert not any(planner.enabled for _, planner in settings.cleanup.planners)
    assert settings.action("pre_cleanup").on_error == "stop"
    assert settings.action("post_collect").on_error == "continue"
    assert settings.action("post_collect").timeout == timedelta(minutes=5)


def test_all_that_can_be_said_is_taken() -> None:
    settings = parse_settings(
        """
        schedule: "30 2 * * *"
        providers:
          aws:
            kinds: [volume, aws_vpc]
            regions: [us-east-1]
            accounts:
              - id: "123456789012"
                role: resoto
        actions:
          post_collect: {timeout: 2h30m, on_error: stop}
        hooks: {modules: [my_hooks]}
        cleanup:
          enabled: yes
          dry_run: no
          accounts: {aws: ["123456789012"]}
          budget: {resources: 5, share: 1}
          max_data_age: 1 day
          planners: {expired: {enabled: true}}
        metrics: {host: "::1", port: 0}
        """,
        "resoto.yaml",
    )
    assert settings.schedule == "30 2 * * *"
    aws = settings.providers["aws"]
    assert set(aws.kinds) == {"aws_ec2_volume", "aws_vpc"}
    assert aws.own.model_dump()["accounts"][0]["id"] == "123456789012"
    assert settings.action("post_collect").timeout == timedelta(minutes=150)
    assert settings.action("post_collect").on_error == "stop"
    assert (settings.cleanup.enabled, settings.cleanup.dry_run) == (True, False)
    assert settings.cleanup.accounts == {"aws": ["123456789012"]}
    assert settings.cleanup.max_data_age == timedelta(days=1)


def test_secrets_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_SLACK", "https://hooks.example.com/HIDDEN")
    monkeypatch.setenv("MAIL_PASSWORD", "${HIDDEN}")
    text = """
        cleanup:
          notices:
            owners:
              web: {slack: "${WEB_SLACK}"}
              data: {discord: "http://127.0.0.1:8080/HIDDEN"}
            mail: {host: m, sender: a@b.example, user: "${USER}", password: "${MAIL_PASSWORD}"}
            link: https://keep.example.com/resoto/
        """
    settings = parse_settings(text, "f")
    notices = settings.cleanup.notices
    web, data, mail = notices.owners["web"].slack, notices.owners["data"].discord, notices.mail
    assert web is not None
    assert data is not None
    assert mail is not None
    assert mail.password is not None
    assert web.get_secret_value() == "https://hooks.example.com/HIDDEN"
    assert data.get_secret_value() == "http://127.0.0.1:8080/HIDDEN"
    assert (mail.user, mail.password.get_secret_value()) == ("${USER}", "${HIDDEN}")
    assert notices.link == "https://keep.example.com/resoto"
    assert "HIDDEN" not in repr(settings)

    monkeypatch.setenv("WEB_SLACK", "HIDDEN")
    with pytest.raises(
        ConfigError, match=r"^f, line 5: cleanup.notices.owners.web.slack: expected an addr"
    ) as no:
        parse_settings(text, "f")
    assert "HIDDEN" not in str(no.value)


@pytest.mark.parametrize(
    "section", ["aws:", "aws: {}", "aws: {kinds: all}", "aws: {kinds: [resource]}", "aws: {kinds:}"]
)
def test_all_kinds_are_collected_unless_some_are_named(section: str) -> None:
    settings = parse_settings(f"providers: {{{section}}}", "resoto.yaml")
    assert settings.providers["aws"].kinds == tuple(load_provider("aws").kinds)


def test_no_kind_is_collected_when_none_is_named() -> None:
    assert parse_settings("providers: {aws: {kinds: []}}", "f").providers["aws"].kinds == ()


def test_base_kinds_stand_for_their_kinds_and_a_kind_is_collected_once() -> None:
    settings = parse_settings("providers: {aws: {kinds: [volume, aws_ec2_volume, volume]}}", "f")
    assert settings.providers["aws"].kinds == ("aws_ec2_volume",)


def test_yaml_may_repeat_itself_with_anchors() -> None:
    settings = parse_settings(
        "actions:\n  post_collect: &a {timeout: 1h}\n  pre_cleanup:\n    <<: *a\n    on_error: continue\n",
        "f",
    )
    assert settings.action("pre_cleanup").timeout == timedelta(hours=1)


@given(st.one_of(st.text(max_size=60), st.text("{}[]:,-&*!?|>'\"# \nab1~", max_size=40)))
def test_any_text_gives_settings_or_one_line_with_a_place(text: str) -> None:
    told = None
    try:
        parse_settings(text, "f.yaml")
    except ConfigError as error:
        told = str(error)
    if told is not None:
        assert re.match(r"f\.yaml, line [1-9][0-9]*: ", told)
        assert "\n" not in told


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: an empty one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RESOTO_CONFIG", raising=False)
    return tmp_path


def test_without_a_file_the_defaults_hold(folder: Path) -> None:
    assert load_settings() == Settings()


@pytest.mark.parametrize("variable", [None, ""])
def test_the_file_of_the_working_directory_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    if variable is not None:
        monkeypatch.setenv("RESOTO_CONFIG", variable)
    (folder / "resoto.yaml").write_text("metrics: {port: 1}")
    assert load_settings().metrics.port == 1


def test_the_variable_names_another_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "resoto.yaml").write_text("metrics: {port: 1}")
    (folder / "mine.yaml").write_text("# größer\nmetrics: {port: 2}", encoding="utf-8")
    monkeypatch.setenv("RESOTO_CONFIG", "mine.yaml")
    assert config_path() == Path("mine.yaml")
    assert load_settings().metrics.port == 2


def test_a_file_that_the_variable_names_must_be_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESOTO_CONFIG", "mine.yaml")
    with pytest.raises(ConfigError) as refused:
        load_settings()
    assert str(refused.value) == "mine.yaml: no such file (named by RESOTO_CONFIG)"


def test_a_file_that_can_not_be_read_is_told(folder: Path) -> None:
    (folder / "resoto.yaml").mkdir()
    with pytest.raises(ConfigError) as refused:
        load_settings()
    assert str(refused.value) == "resoto.yaml: can't be read: Is a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_one_may_not_read_is_told(folder: Path) -> None:
    (folder / "resoto.yaml").touch(mode=0)
    with pytest.raises(ConfigError) as refused:
        load_settings()
    assert str(refused.value) == "resoto.yaml: can't be read: Permission denied"


def test_a_file_that_is_no_text_is_told(folder: Path) -> None:
    (folder / "resoto.yaml").write_bytes(b"metrics: \xff")
    with pytest.raises(ConfigError) as refused:
        load_settings()
    assert str(refused.value) == "resoto.yaml: can't be read: it is not UTF-8"


def test_an_error_names_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "mine.yaml").write_text("\n\nprt: 1")
    monkeypatch.setenv("RESOTO_CONFIG", "mine.yaml")
    with pytest.raises(ConfigError, match=r"^mine\.yaml, line 3: prt: unknown key"):
        load_settings()


def test_the_example_loads_as_it_is_and_with_every_comment_mark_removed() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    as_it_is = parse_settings(text, "resoto.yaml")
    assert not as_it_is.cleanup.enabled
    uncommented = re.sub(r"^(\s*)# ?(?=\s*(?:- |[\w/]+:))", r"\1", text, flags=re.MULTILINE)
    settings = parse_settings(uncommented, "resoto.yaml")
    assert settings.model_fields_set == set(Settings.model_fields), "the example shows every section"
    default = Settings()
    assert settings.schedule == default.schedule
    assert settings.action("pre_cleanup") == default.action("pre_cleanup")
    assert settings.cleanup.model_copy(update={"accounts": {}}) == default.cleanup
    assert (settings.hooks, settings.metrics) == (default.hooks, default.metrics)
