"""Accounts and regions, which everything else belongs to."""

from resoto_dagster.providers.aws.declaration import ACCOUNT, REGION, AwsKind, Call, Detail, Value
from resoto_dagster.providers.aws.locations import LOCATIONS


def _location(column: int) -> Value:
    return Value("RegionName", lambda region: LOCATIONS[region][column] if region in LOCATIONS else None)


KINDS = (
    AwsKind(
        name=ACCOUNT,
        description="An account, the owner of everything in it.",
        bases=("account", "iam_principal"),
        service="sts",
        regional=False,
        api=Call(operation="get_caller_identity", items=""),
        details=(
            Detail(
                operation="list_account_aliases",
                service="iam",
                params={},
                result="AccountAliases",
                into="Aliases",
            ),
        ),
        id="Account",
        name_path="Aliases",
        arn="arn:{partition}:iam::{account}:root",
        prefix="account",
        # Who asks says nothing of the account.
        drop=("UserId", "Arn"),
    ),
    AwsKind(
        name=REGION,
        description="A region that is enabled in the account.",
        bases=("region",),
        service="ec2",
        regional=False,
        api=Call(operation="describe_regions", items="Regions"),
        id="RegionName",
        name_path="RegionName",
        prefix="region",
        properties={
            "long_name": _location(0),
            "latitude": _location(1),
            "longitude": _location(2),
        },
        read={"RegionNames": ["id"]},
    ),
)
