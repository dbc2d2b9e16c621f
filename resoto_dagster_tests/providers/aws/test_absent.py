"""List calls of a service that is not in use: no items, and nothing else counts as that."""

import pytest

from resoto_dagster.providers.aws.accounts import Account
from resoto_dagster.providers.aws.declaration import Call
from resoto_dagster.providers.aws.errors import ApiError
from resoto_dagster.providers.aws.listing import Listing
from resoto_dagster.providers.aws.reading import in_turn
from resoto_dagster.providers.aws.settings import AccountSettings
from resoto_dagster_tests.providers.aws.harness import REGION
from resoto_dagster_tests.providers.aws.synthetic import Refusal

DETECTORS = Call(operation="list_detectors", items="DetectorIds", absent=("BadRequestException",))
FINDINGS = Call(
    operation="list_findings",
    items="FindingIds",
    params={"DetectorId": "item.DetectorIds"},
    each=DETECTORS,
    absent=("InternalServerErrorException",),
)


@pytest.fixture
def guardduty(synthetic):
    """The client of the provider itself."""
    return Account(AccountSettings(), None, [REGION]).client("guardduty", REGION)


def test_a_service_that_is_not_in_use_has_no_items(synthetic, guardduty):
    synthetic.refuse("guardduty", "ListDetectors", "BadRequestException")

    listing = Listing(DETECTORS, ())

    assert listing.all(guardduty, in_turn) == []
    assert listing.narrowed(guardduty, {"MaxResults": 1}) == []
    assert synthetic.asked("guardduty", "ListDetectors") == [{}, {"MaxResults": 1}]


def test_any_other_error_is_one(synthetic, guardduty):
    synthetic.refuse("guardduty", "ListDetectors", "AccessDeniedException", 403)

    with pytest.raises(ApiError, match="AccessDeniedException: guardduty:ListDetectors"):
        Listing(DETECTORS, ()).all(guardduty, in_turn)
    with pytest.raises(ApiError, match="AccessDeniedException: guardduty:ListDetectors"):
        Listing(FINDINGS, ()).all(guardduty, in_turn)


def test_it_may_be_in_use_for_some_owners_only(synthetic, guardduty):
    def findings(params):
        if params["DetectorId"] == "d-2":
            raise Refusal("InternalServerErrorException", 400)
        return {"FindingIds": [f"{params['DetectorId']}-finding"]}

    synthetic.answer("guardduty", "ListDetectors", {"DetectorIds": ["d-1", "d-2", "d-3"]})
    synthetic.answer("guardduty", "ListFindings", findings)

    assert Listing(FINDINGS, ()).all(guardduty, in_turn) == [
        {"FindingIds": "d-1-finding"},
        {"FindingIds": "d-3-finding"},
    ]


def test_it_may_be_in_use_for_no_owner(synthetic, guardduty):
    synthetic.refuse("guardduty", "ListDetectors", "BadRequestException")

    assert Listing(FINDINGS, ()).all(guardduty, in_turn) == []
