"""The page on all kinds says what the declarations and the tests say, and is up to date."""

import subprocess
import sys
from pathlib import Path

import pytest

from resoto_dagster.providers.aws.declaration import (
    AwsKind,
    Call,
    Detail,
    HeldBack,
    Link,
    Step,
    Tagging,
)
from resoto_dagster.providers.aws.reference import page

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "aws.md"
AGAIN = "docs/reference/aws.md is out of date: run `make aws-reference` and commit what it writes"

BUCKET = AwsKind(
    name="aws_bucket",
    description="A bucket.",
    bases=("bucket",),
    service="s3",
    regional=False,
    api=Call(operation="list_buckets", items="Buckets"),
    details=(
        Detail(operation="get_bucket_acl", params={"Bucket": "Name"}, into="Acl"),
        Detail(operation="describe_key", service="kms", params={"KeyId": "Key"}, into="Key"),
    ),
    id="Name",
    prefix="bucket",
    links=(
        Link(kind="aws_vpc", path="Vpc", parent=True, delete="before"),
        Link(kind="aws_kms_key", path="Key", by="arn"),
        Link(kind="aws_kms_key", path="Key", by="id"),
        Link(kind="aws_alb", path="Balancer", delete="after"),
    ),
    delete=(
        Step(
            operation="delete_objects",
            each=Call(operation="list_object_versions", items="Versions", params={"Bucket": "id"}),
            params={"Bucket": "id"},
        ),
        Step(operation="delete_bucket", params={"Bucket": "id"}, until="bucket_not_exists"),
    ),
    held_back=(HeldBack("x", (1,), "it is locked"), HeldBack("y", (1,), "AWS owns it")),
    takes_along=("aws_object",),
    tagging=Tagging(upsert="put_bucket_tagging", remove="delete_bucket_tagging", params={"Bucket": "id"}),
)

PHANTOM = AwsKind(
    name="aws_quota",
    description="A quota.",
    bases=("quota",),
    service="ec2",
    api=Call(operation="describe_volumes", items="Volumes"),
    id="VolumeId",
    prefix="quota",
)

EXPECTED = """\
## s3

| kind | what it is | deleted | tagged | tested on |
| --- | --- | --- | --- | --- |
| [aws_bucket](#aws_bucket) | A bucket. | yes | yes | moto |

### aws_bucket

- *is a* `bucket`
- *lies in* its `aws_account`
- *read by* ListBuckets (`s3:ListAllMyBuckets`), `s3:GetBucketAcl`, `kms:DescribeKey`
- *belongs to* `aws_vpc`
- *uses* `aws_kms_key`, `aws_alb`
- *goes before* `aws_vpc`
- *goes after* `aws_alb`
- *deleted by* DeleteObjects (`s3:DeleteObject` and `s3:DeleteObjectVersion`), ListObjectVersions \
(`s3:ListBucketVersions`), `s3:DeleteBucket`, HeadBucket (`s3:ListBucket`)
- *takes along* `aws_object`
- *kept where* it is locked; AWS owns it
- *tagged by* `s3:PutBucketTagging`, DeleteBucketTagging (`s3:PutBucketTagging`)
"""


def test_all_there_is_to_a_kind_is_told() -> None:
    made = page([BUCKET, PHANTOM], {"aws_bucket": "moto", "aws_quota": "synthetic"})
    assert "2 kinds of 2 services: 1 can be deleted, of 1 the tags can be changed." in made
    assert "Services: [ec2](#ec2) · [s3](#s3)\n" in made
    assert "| [aws_quota](#aws_quota) | A quota. | – | – | synthetic |\n" in made
    assert made.endswith(EXPECTED)


def test_the_page_is_up_to_date() -> None:
    command = [sys.executable, "-m", "resoto_dagster_tests.providers.aws.reference"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert PAGE.read_text(encoding="utf-8") == done.stdout, AGAIN


@pytest.mark.parametrize(
    ("kind", "servers"),
    [
        ("aws_kms_key", "moto, synthetic"),
        ("aws_organizational_root", "moto"),  # on the other one a test expects that there is none
        ("aws_vpc", "moto"),
        ("aws_waf_web_acl", "synthetic"),  # by a fixture that the tests have
    ],
)
def test_what_a_kind_is_tested_on_is_told(kind: str, servers: str) -> None:
    (row,) = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if f"](#{kind}) " in line]
    assert row.endswith(f" | {servers} |")
