"""Certificates that load balancers, distributions and APIs present."""

from collections.abc import Sequence

from resoto_dagster.providers.aws.declaration import AwsKind, Call, Detail, Link, Step, Tagging, Value


def _load_balancers(users: Sequence[str]) -> list[str]:
    return [user for user in users if ":elasticloadbalancing:" in user]


_CERTIFICATE = AwsKind(
    name="aws_acm_certificate",
    description="A certificate that proves a domain to be one's own.",
    bases=("certificate",),
    service="acm",
    api=Call(
        operation="list_certificates",
        items="CertificateSummaryList[].CertificateArn",
        # Unless they are named, only those with short RSA keys are listed.
        params={
            "Includes": {
                "keyTypes": [
                    "RSA_1024",
                    "RSA_2048",
                    "RSA_3072",
                    "RSA_4096",
                    "EC_prime256v1",
                    "EC_secp384r1",
                    "EC_secp521r1",
                ]
            }
        },
        page_size=1000,
    ),
    details=(
        Detail(
            operation="describe_certificate",
            params={"CertificateArn": "CertificateArn"},
            result="Certificate",
            into="",
        ),
        Detail(
            operation="list_tags_for_certificate",
            params={"CertificateArn": "CertificateArn"},
            result="Tags",
            into="Tags",
        ),
    ),
    id=Value("CertificateArn", lambda arn: arn.rpartition("/")[2]),
    name_path="DomainName",
    arn="CertificateArn",
    prefix="",
    ctime="CreatedAt",
    mtime="RenewalSummary.UpdatedAt",
    properties={
        "expires": "NotAfter",
        "not_after": "NotAfter",
        "dns_names": "SubjectAlternativeNames",
        "subject_alternative_names": "SubjectAlternativeNames",
        "key_usages": "KeyUsages[].Name",
        "certificate_transparency_logging": "Options.CertificateTransparencyLoggingPreference",
    },
    # What uses it must go first.
    links=(
        Link(kind="aws_alb", path=Value("InUseBy", _load_balancers), by="arn", parent=True, delete="after"),
    ),
    missing=("ResourceNotFoundException",),
    delete=(Step(operation="delete_certificate", params={"CertificateArn": "arn"}),),
    tagging=Tagging(
        upsert="add_tags_to_certificate",
        remove="remove_tags_from_certificate",
        params={"CertificateArn": "arn"},
        keys="Tags",
        keys_form="objects",
    ),
    changing=("in_use_by", "renewal_summary"),
)

KINDS = (_CERTIFICATE,)
