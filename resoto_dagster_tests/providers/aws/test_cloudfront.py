"""Distributions and what they are made of, from the API's answer to their deletion."""

from datetime import UTC, datetime

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item, settled
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, belongs_to, goes_before, stored, uses
from resoto_dagster_tests.providers.aws.synthetic import Refusal

MOMENT = datetime(2024, 5, 1, 10, 30, tzinfo=UTC)
OF_ACCOUNT = belongs_to("aws_account", ACCOUNT)
ARN = f"arn:aws:cloudfront::{ACCOUNT}"


def counted(*items):
    """A list as CloudFront has it."""
    return {"Quantity": len(items), "Items": list(items)} if items else {"Quantity": 0}


def needs(kind, value, by="id"):
    """The edges to what stays until the resource is gone."""
    return {uses(kind, value, by), goes_before(kind, value, by)}


BEHAVIOR = {
    "TargetOriginId": "files",
    "ViewerProtocolPolicy": "https-only",
    "AllowedMethods": {**counted("HEAD", "GET"), "CachedMethods": counted("HEAD", "GET")},
    "TrustedSigners": {"Enabled": False, "Quantity": 0},
    "CachePolicyId": "cp-1",
    "ResponseHeadersPolicyId": "rhp-1",
    "RealtimeLogConfigArn": f"{ARN}:realtime-log-config/log",
    "FieldLevelEncryptionId": "fle-1",
    "FunctionAssociations": counted({"FunctionARN": f"{ARN}:function/turn", "EventType": "viewer-request"}),
    "LambdaFunctionAssociations": counted(
        {
            "LambdaFunctionARN": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:edge:7",
            "EventType": "origin-request",
        }
    ),
}
CONFIG = {
    "CallerReference": "once",
    "Aliases": counted("www.example.org"),
    "Comment": "the shop",
    "Enabled": True,
    "Origins": counted(
        {
            "Id": "files",
            "DomainName": "shop-files.s3.eu-central-1.amazonaws.com",
            "OriginAccessControlId": "oac-1",
            "CustomHeaders": counted({"HeaderName": "X-From", "HeaderValue": "not-a-secret"}),
            "S3OriginConfig": {"OriginAccessIdentity": ""},
        },
        {"Id": "app", "DomainName": "app.example.org"},
    ),
    "DefaultCacheBehavior": BEHAVIOR,
    "CacheBehaviors": counted({**BEHAVIOR, "PathPattern": "/img/*", "CachePolicyId": "cp-2"}),
    "Restrictions": {"GeoRestriction": {**counted("DE"), "RestrictionType": "whitelist"}},
}


class Distribution:
    """A distribution that AWS would treat as it does: it wants to be disabled, and that takes its time."""

    def __init__(self, synthetic):
        self.config, self.version, self.there = CONFIG, 1, True
        self.states = ["Deployed"]
        answer = synthetic.answer
        answer("cloudfront", "ListDistributions", lambda _: {"DistributionList": self.listed()})
        answer("cloudfront", "GetDistribution", lambda _: self.described())
        answer("cloudfront", "GetDistributionConfig", lambda _: self.configured())
        answer("cloudfront", "ListTagsForResource", {"Tags": {"Items": [{"Key": "owner", "Value": "web"}]}})
        answer("cloudfront", "UpdateDistribution", self.update)
        answer("cloudfront", "DeleteDistribution", self.delete)

    def listed(self):
        found = counted({"Id": "D1"}) if self.there else counted()
        return {"Marker": "", "MaxItems": 100, "IsTruncated": False, **found}

    def described(self):
        status = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        described = {
            "Id": "D1",
            "ARN": f"{ARN}:distribution/D1",
            "Status": status,
            "LastModifiedTime": MOMENT,
            "InProgressInvalidationBatches": 0,
            "DomainName": "d1.cloudfront.net",
            "ActiveTrustedSigners": {"Enabled": False, "Quantity": 0},
            "DistributionConfig": self.config,
            "AliasICPRecordals": [{"CNAME": "www.example.org", "ICPRecordalStatus": "APPROVED"}],
        }
        return {"ETag": f"E{self.version}", "Distribution": described}

    def configured(self):
        return {"ETag": f"E{self.version}", "DistributionConfig": self.config}

    def update(self, params):
        self.check(params)
        self.config, self.version = params["DistributionConfig"], self.version + 1

    def delete(self, params):
        self.check(params)
        if self.config["Enabled"] or self.states != ["Deployed"]:
            raise Refusal("DistributionNotDisabled", 409)
        self.there = False

    def check(self, params):
        if params["IfMatch"] != f"E{self.version}":
            raise Refusal("PreconditionFailed", 412)


def test_properties_and_edges_of_a_distribution(synthetic, collect_kind):
    Distribution(synthetic)

    (shop,) = collect_kind("aws_cloudfront_distribution")

    assert (shop.id, shop.name, shop.region) == ("D1", "d1.cloudfront.net", "global")
    assert (shop.tags, shop.mtime) == ({"owner": "web"}, MOMENT)
    properties = shop.properties
    assert properties["arn"] == f"{ARN}:distribution/D1"
    assert properties["distribution_status"] == "Deployed"
    assert properties["distribution_in_progress_invalidation_batches"] == 0
    assert properties["distribution_active_trusted_signers"] == {"enabled": False, "quantity": 0}
    assert properties["distribution_alias_icp_recordals"] == [
        {"cname": "www.example.org", "icp_recordal_status": "APPROVED"}
    ]
    config = properties["distribution_config"]
    assert config["aliases"] == ["www.example.org"]
    assert config["default_cache_behavior"]["allowed_methods"] == ["HEAD", "GET"]
    assert config["cache_behaviors"][0]["path_pattern"] == "/img/*"
    assert config["origins"][0]["origin_access_control_id"] == "oac-1"
    assert config["restrictions"] == {
        "geo_restriction": ["DE"],
        "geo_restriction_restriction_type": "whitelist",
    }
    assert set(shop.edges) == {
        OF_ACCOUNT,
        *needs("aws_cloudfront_cache_policy", "cp-1"),
        *needs("aws_cloudfront_cache_policy", "cp-2"),
        *needs("aws_cloudfront_response_headers_policy", "rhp-1"),
        *needs("aws_cloudfront_realtime_log_config", f"{ARN}:realtime-log-config/log", "arn"),
        *needs("aws_cloudfront_field_level_encryption_config", "fle-1"),
        *needs("aws_cloudfront_function", f"{ARN}:function/turn", "arn"),
        *needs("aws_cloudfront_origin_access_control", "oac-1"),
        *needs("aws_lambda_function", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:edge", "arn"),
        uses("aws_s3_bucket", "shop-files"),
    }


def test_what_guards_a_distribution_and_proves_its_name():
    certificate = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1"
    firewall = f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/edge/w-2"
    viewers = {"ACMCertificateArn": certificate, "IAMCertificateId": "ASCA1"}
    item = {"Id": "D1", "DistributionConfig": {"ViewerCertificate": viewers, "WebACLId": firewall}}

    edges = set(map_item("aws_cloudfront_distribution", item).edges)

    assert edges - {belongs_to("aws_region", REGION)} == {
        *needs("aws_acm_certificate", certificate, "arn"),
        *needs("aws_iam_server_certificate", "ASCA1"),
        uses("aws_waf_web_acl", firewall, "arn"),
    }


def test_headers_by_which_an_origin_knows_its_distribution_are_secret(synthetic, collect_kind):
    Distribution(synthetic)

    (shop,) = collect_kind("aws_cloudfront_distribution")

    origin = shop.properties["distribution_config"]["origins"][0]
    assert origin["custom_headers"] == [{"header_name": "X-From", "header_value": "***"}]
    assert "not-a-secret" not in str(shop)


@pytest.mark.parametrize(
    ("domain", "bucket"),
    [
        ("files.s3.amazonaws.com", "files"),
        ("my.s3.files.s3-website-us-east-1.amazonaws.com", "my.s3.files"),
        ("files.s3.cn-north-1.amazonaws.com.cn", "files"),
        ("files.s3.example.org", None),
        ("s3.amazonaws.com", None),
    ],
)
def test_buckets_among_origins(domain, bucket):
    config = {**CONFIG, "Origins": counted({"Id": "o", "DomainName": domain})}

    edges = map_item("aws_cloudfront_distribution", {"Id": "D1", "DistributionConfig": config}).edges

    assert [edge.value for edge in edges if edge.kind == "aws_s3_bucket"] == ([bucket] if bucket else [])


def test_a_distribution_is_disabled_everywhere_and_deleted(synthetic, collect_kind, session, monkeypatch):
    distribution = Distribution(synthetic)
    (shop,) = collect_kind("aws_cloudfront_distribution")
    known = stored(shop)
    assert session.read(known) == shop
    monkeypatch.setattr("botocore.waiter.time.sleep", lambda _: None)
    distribution.states = ["InProgress", "InProgress", "Deployed"]

    session.delete(known)

    assert session.read(known) is None
    (asked,) = synthetic.asked("cloudfront", "UpdateDistribution")
    assert asked["DistributionConfig"]["Enabled"] is False
    assert asked["DistributionConfig"]["Aliases"] == CONFIG["Aliases"]
    assert synthetic.asked("cloudfront", "DeleteDistribution") == [{"Id": "D1", "IfMatch": "E2"}]


def test_what_is_under_way_is_no_change_of_a_distribution(synthetic, collect_kind):
    distribution = Distribution(synthetic)
    (before,) = collect_kind("aws_cloudfront_distribution")
    distribution.states = ["InProgress"]
    (after,) = collect_kind("aws_cloudfront_distribution")

    assert before.properties != after.properties
    assert settled(before) == settled(after)


@pytest.fixture
def shop(client):
    """The answer to the creation of a distribution in moto."""
    config = {
        "CallerReference": "once",
        "Comment": "the shop",
        "Enabled": True,
        "Origins": counted(
            {
                "Id": "files",
                "DomainName": "files.s3.amazonaws.com",
                "S3OriginConfig": {"OriginAccessIdentity": ""},
            }
        ),
        "DefaultCacheBehavior": {"TargetOriginId": "files", "ViewerProtocolPolicy": "allow-all"},
    }
    tags = {"Items": [{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}]}
    answer = client("cloudfront").create_distribution_with_tags(
        DistributionConfigWithTags={"DistributionConfig": config, "Tags": tags}
    )
    return answer["Distribution"]


def test_a_distribution_is_read_tagged_and_deleted(shop, collect_kind, session):
    (found,) = collect_kind("aws_cloudfront_distribution")
    assert (found.id, found.name) == (shop["Id"], shop["DomainName"])
    assert found.tags == {"owner": "web", "env": "test"}
    known = stored(found)
    assert session.read(known) == found

    session.update_tags(known, {"owner": "ops", "team": "a"}, ["env"])
    assert session.read(known).tags == {"owner": "ops", "team": "a"}

    session.delete(known)
    assert session.read(known) is None
    assert collect_kind("aws_cloudfront_distribution") == []
    session.delete(known)  # what is gone already is no error


@pytest.fixture
def function(client):
    """A function in moto; its ARN."""
    answer = client("cloudfront").create_function(
        Name="turn",
        FunctionConfig={"Comment": "turns", "Runtime": "cloudfront-js-2.0"},
        FunctionCode=b"function handler(event) {}",
        Tags={"Items": [{"Key": "owner", "Value": "web"}]},
    )
    return answer["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]


def test_properties_and_edges_of_a_function(function, collect_kind):
    (turn,) = collect_kind("aws_cloudfront_function")

    assert (turn.id, turn.name, turn.region, turn.tags) == ("turn", "turn", "global", {"owner": "web"})
    assert turn.ctime is not None
    assert turn.mtime is not None
    assert turn.properties == {
        "arn": function,
        "function_status": "UNPUBLISHED",
        "function_stage": "DEVELOPMENT",
        "function_config": {"comment": "turns", "runtime": "cloudfront-js-2.0"},
    }
    assert turn.edges == (OF_ACCOUNT,)


def test_a_function_is_read_tagged_and_deleted(function, collect_kind, session):
    (turn,) = collect_kind("aws_cloudfront_function")
    known = stored(turn)
    assert session.read(known) == turn

    session.update_tags(known, {"team": "a"}, ["owner"])
    assert session.read(known).tags == {"team": "a"}

    session.delete(known)
    assert session.read(known) is None
    session.delete(known)  # what is gone already is no error


def test_a_function_is_asked_for_in_the_stage_that_all_are_in(synthetic, collect_kind):
    summary = {"Name": "turn", "FunctionConfig": {}, "FunctionMetadata": {"FunctionARN": "arn"}}
    synthetic.answer("cloudfront", "ListFunctions", {"FunctionList": counted(summary)})
    synthetic.refuse("cloudfront", "ListTagsForResource", "InvalidArgument")

    (turn,) = collect_kind("aws_cloudfront_function")

    assert turn.tags == {}
    assert synthetic.asked("cloudfront", "ListFunctions") == [{"Stage": "DEVELOPMENT"}]


def test_a_public_key_from_its_properties_to_its_deletion(client, collect_kind, session):
    config = {"CallerReference": "once", "Name": "signer", "EncodedKey": "PEM\n", "Comment": "of the shop"}
    made = client("cloudfront").create_public_key(PublicKeyConfig=config)["PublicKey"]

    (key,) = collect_kind("aws_cloudfront_public_key")

    assert (key.id, key.name, key.region) == (made["Id"], "signer", "global")
    assert key.ctime is not None
    assert key.properties["public_key_encoded_key"] == "PEM\n"
    assert key.edges == (OF_ACCOUNT,)
    assert session.read(stored(key)) == key
    session.delete(stored(key))
    assert session.read(stored(key)) is None


def test_an_origin_access_control_from_its_properties_to_its_deletion(client, collect_kind, session):
    config = {
        "Name": "files",
        "Description": "of the shop",
        "SigningProtocol": "sigv4",
        "SigningBehavior": "always",
        "OriginAccessControlOriginType": "s3",
    }
    cloudfront = client("cloudfront")
    made = cloudfront.create_origin_access_control(OriginAccessControlConfig=config)["OriginAccessControl"]

    (control,) = collect_kind("aws_cloudfront_origin_access_control")

    assert (control.id, control.name) == (made["Id"], "files")
    assert control.properties == {
        "origin_access_control_description": "of the shop",
        "origin_access_control_signing_protocol": "sigv4",
        "origin_access_control_signing_behavior": "always",
        "origin_access_control_origin_access_control_origin_type": "s3",
    }
    assert control.edges == (OF_ACCOUNT,)
    assert session.read(stored(control)) == control
    session.delete(stored(control))
    assert session.read(stored(control)) is None


POLICIES = {
    "aws_cloudfront_cache_policy": (
        "CachePolicy",
        "ListCachePolicies",
        "CachePolicyList",
        "NoSuchCachePolicy",
    ),
    "aws_cloudfront_response_headers_policy": (
        "ResponseHeadersPolicy",
        "ListResponseHeadersPolicies",
        "ResponseHeadersPolicyList",
        "NoSuchResponseHeadersPolicy",
    ),
}


@pytest.mark.parametrize("kind", POLICIES)
def test_policies_are_read_to_the_last_page_and_those_of_aws_stay(kind, synthetic, collect_kind, session):
    name, listing, listed, missing = POLICIES[kind]
    known = {"p-1": "custom", "p-2": "managed"}

    def policy(number):
        config = {"Name": f"policy {number}", "Comment": "of the shop"}
        return {"Id": number, "LastModifiedTime": MOMENT, f"{name}Config": config}

    def policies(params):
        """One policy a page."""
        at = int(params.get("Marker", 0))
        items = [{"Type": known[one], name: policy(one)} for one in list(known)[at : at + 1]]
        marker = {"NextMarker": str(at + 1)} if at + 1 < len(known) else {}
        return {listed: {"MaxItems": 1, **counted(*items), **marker}}

    def get(params):
        if params["Id"] not in known:
            raise Refusal(missing, 404)
        return {"ETag": "E1", name: policy(params["Id"])}

    synthetic.answer("cloudfront", listing, policies)
    synthetic.answer("cloudfront", f"Get{name}", get)
    synthetic.answer("cloudfront", f"Delete{name}", lambda params: known.pop(params["Id"]) and None)

    own, of_aws = collect_kind(kind)

    snake = kind.removeprefix("aws_cloudfront_")
    assert (own.id, own.name, own.region, own.mtime) == ("p-1", "policy p-1", "global", MOMENT)
    assert own.properties == {
        f"{snake}_type": "custom",
        f"{snake}_config": {"name": "policy p-1", "comment": "of the shop"},
    }
    assert own.edges == (OF_ACCOUNT,)
    assert of_aws.id == "p-2"
    assert session.held_back(stored(of_aws)) == "AWS owns the policy"
    assert session.held_back(stored(own)) is None
    assert session.read(stored(own)) == own
    session.delete(stored(own))
    assert session.read(stored(own)) is None
    assert synthetic.asked("cloudfront", f"Delete{name}") == [{"Id": "p-1", "IfMatch": "E1"}]
    session.delete(stored(own))  # what is gone already is no error


def test_a_realtime_log_config_from_its_properties_to_its_deletion(synthetic, collect_kind, session):
    role, stream = f"arn:aws:iam::{ACCOUNT}:role/log", f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/log"
    arn = f"{ARN}:realtime-log-config/log"
    end_point = {"StreamType": "Kinesis", "KinesisStreamConfig": {"RoleARN": role, "StreamARN": stream}}
    configs = [
        {"ARN": arn, "Name": "log", "SamplingRate": 50, "EndPoints": [end_point], "Fields": ["timestamp"]}
    ]
    tags = {"owner": "web"}
    answer = synthetic.answer
    answer(
        "cloudfront",
        "ListRealtimeLogConfigs",
        lambda _: {
            "RealtimeLogConfigs": {"MaxItems": 9, "IsTruncated": False, "Marker": "", "Items": configs[:]}
        },
    )
    answer(
        "cloudfront",
        "ListTagsForResource",
        lambda _: {"Tags": {"Items": [{"Key": key, "Value": value} for key, value in tags.items()]}},
    )
    answer(
        "cloudfront",
        "TagResource",
        lambda params: tags.update({tag["Key"]: tag["Value"] for tag in params["Tags"]["Items"]}),
    )
    answer(
        "cloudfront",
        "UntagResource",
        lambda params: [tags.pop(key) for key in params["TagKeys"]["Items"]] and None,
    )
    answer("cloudfront", "DeleteRealtimeLogConfig", lambda params: configs.clear())

    (log,) = collect_kind("aws_cloudfront_realtime_log_config")

    assert (log.id, log.name, log.region, log.tags) == ("log", "log", "global", {"owner": "web"})
    assert log.properties == {
        "arn": arn,
        "realtime_log_sampling_rate": 50,
        "realtime_log_fields": ["timestamp"],
        "realtime_log_end_points": [
            {"stream_type": "Kinesis", "kinesis_stream_config": {"role_arn": role, "stream_arn": stream}}
        ],
    }
    assert set(log.edges) == {
        OF_ACCOUNT,
        uses("aws_iam_role", role, "arn"),
        uses("aws_kinesis_stream", stream, "arn"),
    }
    known = stored(log)
    assert session.read(known) == log
    session.update_tags(known, {"team": "a"}, ["owner"])
    assert session.read(known).tags == {"team": "a"}
    session.delete(known)
    assert session.read(known) is None
    assert synthetic.asked("cloudfront", "DeleteRealtimeLogConfig") == [{"ARN": arn}]


def test_encryption_of_fields_from_its_properties_to_its_deletion(synthetic, collect_kind, session):
    profiles = [
        {
            "Id": "p-1",
            "LastModifiedTime": MOMENT,
            "Name": "cards",
            "EncryptionEntities": counted(
                {"PublicKeyId": "K1", "ProviderId": "shop", "FieldPatterns": counted("card*")}
            ),
            "Comment": "of cards",
        }
    ]
    argument = {"QueryArg": "card", "ProfileId": "p-1"}
    content = {"Format": "URLEncoded", "ProfileId": "p-2", "ContentType": "application/x-www-form-urlencoded"}
    configs = [
        {
            "Id": "c-1",
            "LastModifiedTime": MOMENT,
            "Comment": "of the shop",
            "QueryArgProfileConfig": {
                "ForwardWhenQueryArgProfileIsUnknown": True,
                "QueryArgProfiles": counted(argument),
            },
            "ContentTypeProfileConfig": {
                "ForwardWhenContentTypeIsUnknown": False,
                "ContentTypeProfiles": counted(content),
            },
        }
    ]
    answer = synthetic.answer
    answer(
        "cloudfront",
        "ListFieldLevelEncryptionProfiles",
        lambda _: {"FieldLevelEncryptionProfileList": {"MaxItems": 9, **counted(*profiles)}},
    )
    answer(
        "cloudfront",
        "ListFieldLevelEncryptionConfigs",
        lambda _: {"FieldLevelEncryptionList": {"MaxItems": 9, **counted(*configs)}},
    )
    answer("cloudfront", "GetFieldLevelEncryption", {"ETag": "E1"})
    answer("cloudfront", "GetFieldLevelEncryptionProfile", {"ETag": "E2"})
    answer("cloudfront", "DeleteFieldLevelEncryptionConfig", lambda _: configs.clear())
    answer("cloudfront", "DeleteFieldLevelEncryptionProfile", lambda _: profiles.clear())

    (config,) = collect_kind("aws_cloudfront_field_level_encryption_config")
    (profile,) = collect_kind("aws_cloudfront_field_level_encryption_profile")

    assert (config.id, config.name, config.mtime) == ("c-1", "c-1", MOMENT)
    assert config.properties == {
        "field_level_encryption_config_comment": "of the shop",
        "field_level_encryption_config_query_arg_profile_config": {
            "forward_when_query_arg_profile_is_unknown": True,
            "query_arg_profiles": [{"query_arg": "card", "profile_id": "p-1"}],
        },
        "field_level_encryption_config_content_type_profile_config": {
            "forward_when_content_type_is_unknown": False,
            "content_type_profiles": [
                {
                    "format": "URLEncoded",
                    "profile_id": "p-2",
                    "content_type": "application/x-www-form-urlencoded",
                }
            ],
        },
    }
    assert set(config.edges) == {
        OF_ACCOUNT,
        *needs("aws_cloudfront_field_level_encryption_profile", "p-1"),
        *needs("aws_cloudfront_field_level_encryption_profile", "p-2"),
    }
    assert (profile.id, profile.name, profile.mtime) == ("p-1", "cards", MOMENT)
    assert profile.properties == {
        "field_level_encryption_profile_comment": "of cards",
        "field_level_encryption_profile_encryption_entities": [
            {"public_key_id": "K1", "provider_id": "shop", "field_patterns": ["card*"]}
        ],
    }
    assert set(profile.edges) == {OF_ACCOUNT, *needs("aws_cloudfront_public_key", "K1")}
    for resource in (config, profile):
        assert session.read(stored(resource)) == resource
        session.delete(stored(resource))
        assert session.read(stored(resource)) is None
    assert synthetic.asked("cloudfront", "DeleteFieldLevelEncryptionConfig") == [
        {"Id": "c-1", "IfMatch": "E1"}
    ]
    assert synthetic.asked("cloudfront", "DeleteFieldLevelEncryptionProfile") == [
        {"Id": "p-1", "IfMatch": "E2"}
    ]


def test_a_streaming_distribution_from_its_properties_to_its_tags(synthetic, collect_kind, session):
    arn = f"{ARN}:streaming-distribution/S1"
    stream = {
        "Id": "S1",
        "ARN": arn,
        "Status": "Deployed",
        "LastModifiedTime": MOMENT,
        "DomainName": "s1.cloudfront.net",
        "S3Origin": {"DomainName": "films.s3.amazonaws.com", "OriginAccessIdentity": ""},
        "Aliases": counted("films.example.org"),
        "TrustedSigners": {"Enabled": True, **counted("self")},
        "Comment": "films",
        "PriceClass": "PriceClass_All",
        "Enabled": True,
    }
    listed = {"Marker": "", "MaxItems": 9, "IsTruncated": False, **counted(stream)}
    synthetic.answer("cloudfront", "ListStreamingDistributions", {"StreamingDistributionList": listed})
    tags = {"Tags": {"Items": [{"Key": "owner", "Value": "web"}]}}
    synthetic.answer("cloudfront", "ListTagsForResource", tags)
    synthetic.answer("cloudfront", "TagResource", {})

    (films,) = collect_kind("aws_cloudfront_streaming_distribution")

    assert (films.id, films.name, films.mtime, films.tags) == ("S1", "S1", MOMENT, {"owner": "web"})
    assert films.properties == {
        "arn": arn,
        "streaming_distribution_status": "Deployed",
        "streaming_distribution_domain_name": "s1.cloudfront.net",
        "streaming_distribution_s3_origin": {
            "domain_name": "films.s3.amazonaws.com",
            "origin_access_identity": "",
        },
        "streaming_distribution_aliases": ["films.example.org"],
        "streaming_distribution_trusted_signers": ["self"],
        "streaming_distribution_comment": "films",
        "streaming_distribution_price_class": "PriceClass_All",
        "streaming_distribution_enabled": True,
    }
    assert films.edges == (OF_ACCOUNT,)
    assert session.read(stored(films)) == films
    session.update_tags(stored(films), {"owner": "ops"}, [])
    assert synthetic.asked("cloudfront", "TagResource") == [
        {"Resource": arn, "Tags": {"Items": [{"Key": "owner", "Value": "ops"}]}}
    ]
