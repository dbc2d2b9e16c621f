"""Pools of users, their users and groups, from the API's answer to their deletion."""

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item, settled
from resoto_dagster_tests.providers.aws.harness import (
    ACCOUNT,
    REGION,
    belongs_to,
    goes_before,
    stored,
    uses,
)

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/editor"


@pytest.fixture
def pools(client):
    """Two pools with a user and a group of the same name in each; the ids of the pools."""
    idp = client("cognito-idp")
    pools = []
    for name in ("shop", "blog"):
        pool = idp.create_user_pool(
            PoolName=name,
            UserPoolTags={"owner": name},
            LambdaConfig={
                "PreSignUp": f"{FUNCTION}:check:live",
                "CustomSMSSender": {"LambdaVersion": "V1_0", "LambdaArn": f"{FUNCTION}:send"},
            },
        )["UserPool"]["Id"]
        idp.admin_create_user(
            UserPoolId=pool, Username="ann", UserAttributes=[{"Name": "email", "Value": "ann@example.org"}]
        )
        idp.create_group(
            UserPoolId=pool, GroupName="editors", Description="who may edit", RoleArn=ROLE, Precedence=3
        )
        pools.append(pool)
    return tuple(pools)


def test_properties_and_edges_of_a_pool(pools, collect_kind):
    shop, blog = sorted(collect_kind("aws_cognito_user_pool"), key=lambda pool: pools.index(pool.id))

    assert (shop.id, shop.name, shop.region) == (pools[0], "shop", REGION)
    assert (shop.tags, blog.tags) == ({"owner": "shop"}, {"owner": "blog"})
    assert shop.ctime is not None
    assert shop.mtime is not None
    assert shop.properties["arn"] == f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{pools[0]}"
    assert shop.properties["lambda_config"] == {
        "pre_sign_up": f"{FUNCTION}:check:live",
        "custom_sms_sender": {"lambda_version": "V1_0", "lambda_arn": f"{FUNCTION}:send"},
    }
    assert shop.properties["estimated_number_of_users"] == 1
    functions = [("aws_lambda_function", f"{FUNCTION}:{name}", "arn") for name in ("check", "send")]
    assert set(shop.edges) == {
        belongs_to("aws_region", REGION),
        *(uses(*function) for function in functions),
        *(goes_before(*function) for function in functions),
    }


def test_a_pool_that_is_protected_is_held_back(pools, client, collect_kind, session):
    client("cognito-idp").update_user_pool(UserPoolId=pools[0], DeletionProtection="ACTIVE")

    found = {pool.id: session.held_back(stored(pool)) for pool in collect_kind("aws_cognito_user_pool")}

    assert found == {pools[0]: "it is protected from deletion", pools[1]: None}


def test_the_id_by_which_a_role_knows_a_pool_is_secret():
    item = {"Id": "p", "SmsConfiguration": {"SnsCallerArn": ROLE, "ExternalId": "not-a-secret"}}

    assert map_item("aws_cognito_user_pool", item).properties["sms_configuration"] == {
        "sns_caller_arn": ROLE,
        "external_id": "***",
    }


def test_how_many_users_there_are_is_no_change_of_a_pool(pools, client, collect_kind):
    before = collect_kind("aws_cognito_user_pool")
    client("cognito-idp").admin_create_user(UserPoolId=pools[0], Username="bob")
    after = collect_kind("aws_cognito_user_pool")

    assert before != after
    assert [settled(pool) for pool in before] == [settled(pool) for pool in after]


def test_a_pool_is_read_and_deleted_with_its_domains(pools, client, collect_kind, session):
    idp = client("cognito-idp")
    idp.create_user_pool_domain(UserPoolId=pools[0], Domain="shop-login")
    found = {pool.id: pool for pool in collect_kind("aws_cognito_user_pool")}
    shop, blog = (found[pool] for pool in pools)
    assert shop.properties["domain"] == "shop-login"
    for pool in (shop, blog):
        assert session.read(stored(pool)) == pool

    for pool in (shop, blog):
        session.delete(stored(pool))
        assert session.read(stored(pool)) is None
    assert idp.describe_user_pool_domain(Domain="shop-login")["DomainDescription"] == {}
    session.delete(stored(blog))  # what is gone already is no error


def test_a_pool_is_tagged(synthetic, collect_kind, session):
    arn = f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/p"
    tags = {"owner": "web", "env": "test"}
    pool = {"Id": "p", "Name": "shop", "Arn": arn, "UserPoolTags": tags}
    answer = synthetic.answer
    answer("cognito-idp", "ListUserPools", {"UserPools": [{"Id": "p"}]})
    answer("cognito-idp", "DescribeUserPool", lambda _: {"UserPool": pool})
    answer("cognito-idp", "TagResource", lambda params: tags.update(params["Tags"]))
    answer("cognito-idp", "UntagResource", lambda params: [tags.pop(key) for key in params["TagKeys"]] and {})
    (found,) = collect_kind("aws_cognito_user_pool")

    session.update_tags(stored(found), {"owner": "ops", "team": "a"}, ["env"])

    assert session.read(stored(found)).tags == {"owner": "ops", "team": "a"}
    assert {params["ResourceArn"] for params in synthetic.asked("cognito-idp", "TagResource")} == {arn}


def test_properties_and_edges_of_users(pools, collect_kind, session):
    found = {user.id: user for user in collect_kind("aws_cognito_user")}

    assert set(found) == {f"{pool}:ann" for pool in pools}
    ann = found[f"{pools[0]}:ann"]
    assert (ann.name, ann.region, ann.tags) == ("ann", REGION, {})
    assert ann.ctime is not None
    assert ann.mtime is not None
    properties = ann.properties
    assert properties["username"] == "ann"
    assert properties["user_pool_id"] == pools[0]
    assert properties["enabled"] is True
    assert properties["user_status"] == "FORCE_CHANGE_PASSWORD"
    assert {"name": "email", "value": "ann@example.org"} in properties["user_attributes"]
    assert set(ann.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_cognito_user_pool", pools[0]),
    }
    assert session.read(stored(ann)) == ann


def test_properties_and_edges_of_groups(pools, collect_kind):
    found = {group.id: group for group in collect_kind("aws_cognito_group")}

    assert set(found) == {f"{pool}:editors" for pool in pools}
    editors = found[f"{pools[0]}:editors"]
    assert (editors.name, editors.region) == ("editors", REGION)
    assert editors.ctime is not None
    assert editors.mtime is not None
    assert editors.properties == {
        "user_pool_id": pools[0],
        "description": "who may edit",
        "role_arn": ROLE,
        "precedence": 3,
    }
    assert set(editors.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_cognito_user_pool", pools[0]),
        belongs_to("aws_iam_role", ROLE, "arn"),
        goes_before("aws_iam_role", ROLE, "arn"),
    }


def test_a_group_is_read_and_deleted(pools, collect_kind, session):
    found = {group.id: group for group in collect_kind("aws_cognito_group")}
    shops, blogs = (found[f"{pool}:editors"] for pool in pools)
    assert session.read(stored(shops)) == shops

    session.delete(stored(shops))

    assert session.read(stored(shops)) is None
    assert collect_kind("aws_cognito_group") == [blogs]
    session.delete(stored(shops))  # what is gone already is no error


def test_a_pool_takes_its_users_and_groups_along(pools, collect_kind, session):
    pool = stored(collect_kind("aws_cognito_user_pool")[0])

    assert session.goes_along(stored(collect_kind("aws_cognito_user")[0]), pool)
    assert session.goes_along(stored(collect_kind("aws_cognito_group")[0]), pool)


def test_users_of_a_pool_that_is_gone_are_gone(pools, client, collect_kind, session):
    ann, editors = collect_kind("aws_cognito_user")[0], collect_kind("aws_cognito_group")[0]
    idp = client("cognito-idp")
    for pool in pools:
        idp.delete_user_pool(UserPoolId=pool)

    assert session.read(stored(ann)) is None
    assert session.read(stored(editors)) is None
