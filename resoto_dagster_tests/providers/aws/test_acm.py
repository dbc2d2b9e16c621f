"""Certificates, from the API's answer to their deletion."""

from datetime import UTC, datetime

import pytest

from resoto_dagster_tests.providers.aws.answers import map_item
from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION, belongs_to, goes_after, stored

ARN = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/c-1"


@pytest.fixture
def certificate(client):
    """The ARN of a certificate with a long key, for two domains."""
    acm = client("acm")
    acm.request_certificate(DomainName="other.example.com", ValidationMethod="DNS")
    return acm.request_certificate(
        DomainName="example.com",
        SubjectAlternativeNames=["www.example.com"],
        ValidationMethod="DNS",
        KeyAlgorithm="EC_prime256v1",
        Tags=[{"Key": "owner", "Value": "web"}, {"Key": "env", "Value": "test"}],
    )["CertificateArn"]


def _of(arn, found):
    return next(one for one in found if one.properties["arn"] == arn)


def test_properties_and_edges(certificate, client, collect_kind):
    found = _of(certificate, collect_kind("aws_acm_certificate"))

    told = client("acm").describe_certificate(CertificateArn=certificate)["Certificate"]
    assert (found.id, found.name, found.region) == (certificate.rpartition("/")[2], "example.com", REGION)
    assert found.tags == {"owner": "web", "env": "test"}
    assert found.ctime == told["CreatedAt"]
    assert found.mtime is None
    properties = found.properties
    assert properties["status"] == told["Status"]
    assert properties["type"] == "AMAZON_ISSUED"
    assert properties["key_algorithm"] == told["KeyAlgorithm"]
    assert properties["subject"] == "CN=example.com"
    assert properties["serial"] == told["Serial"]
    assert properties["dns_names"] == properties["subject_alternative_names"]
    assert set(properties["dns_names"]) == {"example.com", "www.example.com"}
    assert properties["expires"] == properties["not_after"]
    assert datetime.fromisoformat(properties["expires"]) == told["NotAfter"]
    assert properties["in_use_by"] == []
    assert properties["certificate_transparency_logging"] == "ENABLED"
    assert properties["domain_validation_options"][0]["validation_method"] == "DNS"
    assert found.edges == (belongs_to("aws_region", REGION),)


def test_is_read_tagged_and_deleted(certificate, collect_kind, session):
    found = _of(certificate, collect_kind("aws_acm_certificate"))
    known = stored(found)
    assert session.read(known) == found

    session.update_tags(known, {"owner": "ops"}, ["env"])
    assert session.read(known).tags == {"owner": "ops"}

    assert len(session.delete(known).request_ids) == 1
    assert session.read(known) is None
    assert [one.name for one in collect_kind("aws_acm_certificate")] == ["other.example.com"]
    session.delete(known)  # what is gone already is no error


def test_certificates_with_any_key_are_asked_for(synthetic, collect_kind):
    synthetic.answer("acm", "ListCertificates", {"CertificateSummaryList": []})

    assert collect_kind("aws_acm_certificate") == []

    (asked,) = synthetic.asked("acm", "ListCertificates")
    assert {"RSA_4096", "EC_secp521r1"} < set(asked["Includes"]["keyTypes"])
    assert asked["MaxItems"] == 1000


def test_what_uses_a_certificate_goes_first():
    balancer = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/front/1"
    renewed = datetime(2026, 2, 3, tzinfo=UTC)
    found = map_item(
        "aws_acm_certificate",
        {
            "CertificateArn": ARN,
            "DomainName": "example.com",
            "InUseBy": [balancer, f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1"],
            "KeyUsages": [{"Name": "DIGITAL_SIGNATURE"}],
            "ExtendedKeyUsages": [{"Name": "CUSTOM", "OID": "1.2.3"}],
            "RenewalSummary": {"RenewalStatus": "SUCCESS", "UpdatedAt": renewed},
        },
    )
    assert found.id == "c-1"
    assert found.mtime == renewed
    assert found.properties["key_usages"] == ["DIGITAL_SIGNATURE"]
    assert found.properties["extended_key_usages"] == [{"name": "CUSTOM", "oid": "1.2.3"}]
    assert found.properties["renewal_summary"]["renewal_status"] == "SUCCESS"
    assert set(found.edges) == {
        belongs_to("aws_region", REGION),
        belongs_to("aws_alb", balancer, "arn"),
        goes_after("aws_alb", balancer, "arn"),
    }
