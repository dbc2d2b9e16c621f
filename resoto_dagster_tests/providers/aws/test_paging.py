"""Pages are read as botocore's own paginators read them."""

from typing import Any

import pytest
from botocore.exceptions import PaginationError
from botocore.paginate import Paginator

from resoto_dagster.providers.aws.models import LOADER
from resoto_dagster.providers.aws.paging import ByPaginator, ByToken
from resoto_dagster_tests.providers.aws.samples import service_model

Asked = list[dict[str, Any]]


def both(
    service: str, operation: str, answers: Asked, params: dict[str, Any], page_size: int | None
) -> tuple[Any, Any]:
    """What is asked in turn, and what ended it: by our paging and by botocore's."""
    config: Any = LOADER.load_service_model(service, "paginators-1")["pagination"][operation]
    model = service_model(service).operation_model(operation)
    ours: Asked = []
    paging = ByPaginator(config, model)
    ended: Any = None
    try:
        asked: Any = paging.first(params, page_size)
        while asked is not None:
            ours.append(dict(asked))
            asked = paging.following(asked, answers[len(ours) - 1])
    except PaginationError as error:
        ended = type(error)
    theirs: Asked = []

    def method(**asked: Any) -> Any:
        theirs.append(asked)
        return answers[len(theirs) - 1]

    their_end: Any = None
    paginator: Any = Paginator(method, config, model)  # type: ignore[arg-type]
    try:
        for _ in paginator.paginate(**params, PaginationConfig={"PageSize": page_size}):
            pass
    except PaginationError as error:
        their_end = type(error)
    return (ours, ended), (theirs, their_end)


@pytest.mark.parametrize(
    ("service", "operation", "answers", "params", "page_size", "pages"),
    [
        ("ec2", "DescribeVolumes", [{}], {}, None, 1),
        (
            "ec2",
            "DescribeVolumes",
            [{"NextToken": "a"}, {"NextToken": "b"}, {}],
            {"VolumeIds": ["v"]},
            500,
            3,
        ),
        ("ec2", "DescribeVolumes", [{"NextToken": "a"}, {"NextToken": ""}], {}, None, 2),
        ("ec2", "DescribeVolumes", [{"NextToken": "a"}, {"NextToken": "a"}], {}, None, 2),
        (
            "iam",
            "ListUsers",
            [{"IsTruncated": True, "Marker": "a"}, {"IsTruncated": False, "Marker": "b"}],
            {},
            9,
            2,
        ),
        (
            "s3",
            "ListObjects",
            [
                {"IsTruncated": True, "Contents": [{"Key": "a"}, {"Key": "b"}]},
                {"IsTruncated": True, "NextMarker": "c", "Contents": [{"Key": "x"}]},
                {"IsTruncated": False, "Contents": []},
            ],
            {"Bucket": "b"},
            None,
            3,
        ),
        (
            "s3",
            "ListObjectVersions",
            [{"IsTruncated": True, "NextKeyMarker": "k", "NextVersionIdMarker": "v"}, {"IsTruncated": False}],
            {"Bucket": "b"},
            None,
            2,
        ),
        (
            "s3",
            "ListObjectVersions",
            [
                {"IsTruncated": True, "NextKeyMarker": "k", "NextVersionIdMarker": "v"},
                {"IsTruncated": True, "NextKeyMarker": "l"},
                {"IsTruncated": False},
            ],
            {"Bucket": "b"},
            7,
            3,
        ),
        (
            "route53",
            "ListHostedZones",
            [{"IsTruncated": True, "NextMarker": "m"}, {"IsTruncated": False}],
            {},
            5,
            2,
        ),
        ("elbv2", "DescribeLoadBalancers", [{"NextMarker": "m"}, {}], {}, 400, 2),
    ],
)
def test_pages_follow_as_botocore_lets_them(
    service: str,
    operation: str,
    answers: Asked,
    params: dict[str, Any],
    page_size: int | None,
    pages: int,
) -> None:
    ours, theirs = both(service, operation, answers, params, page_size)
    assert ours == theirs
    assert len(ours[0]) == pages


def test_a_token_is_followed_though_botocore_knows_of_no_pages() -> None:
    paging, params = ByToken(), {"MaxResults": 1}
    assert paging.first(params, None) == params
    assert paging.following(params, {"nextToken": "a"}) == {"MaxResults": 1, "nextToken": "a"}
    assert paging.following(params, {"NextMarker": "a"}) == {"MaxResults": 1, "NextMarker": "a"}
    assert paging.following(params, {"NextToken": ""}) is None
    assert paging.following(params, {"Token": "a"}) is None


def test_the_size_of_a_page_can_be_chosen_where_there_is_a_limit_only() -> None:
    with pytest.raises(PaginationError, match="can't be chosen"):
        ByToken().first({}, 10)
    config = {"input_token": "Marker", "output_token": "Marker"}
    with pytest.raises(PaginationError, match="can't be chosen"):
        ByPaginator(config, service_model("iam").operation_model("ListUsers")).first({}, 10)
