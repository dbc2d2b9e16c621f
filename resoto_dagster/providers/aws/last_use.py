"""When resources were last used, as CloudWatch's metrics tell, asked for hundreds at a time.

CloudWatch has data of a disk only while it is attached. One that is attached counts as used today; of others
the last day with data counts, and without any the day from which on it was looked for, or when it was created
if that was later. Days are whole ones in UTC, so that what nobody uses does not change from hour to hour; the
last use of a resource is never told earlier than it was, but for the hours of the day that is not over.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from resoto_dagster.providers.aws.accounts import Account
from resoto_dagster.providers.aws.declaration import LastUse
from resoto_dagster.providers.aws.details import AddDetail, Item, Run, bound
from resoto_dagster.providers.aws.paths import compile_path

DAYS = 60
"""Days that are looked back."""
QUERIES = 500
"""Metrics that one call may ask for, as the reference of CloudWatch's API says of GetMetricData."""
_DAY = timedelta(days=1)


def compile_last_use(last_use: LastUse) -> AddDetail:
    """A function that puts `LastRead` and `LastWritten` into the items. Raises ProviderError."""
    id_of, state_of = compile_path(last_use.id), compile_path(last_use.idle[0])
    created_of, idle = compile_path(last_use.since), frozenset(last_use.idle[1])
    metrics = {"LastRead": last_use.read, "LastWritten": last_use.written}

    def add(items: list[Item], account: Account, region: str, run: Run) -> list[Item]:
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        begin = today - DAYS * _DAY
        asked: list[tuple[Item, str]] = []
        for item in items:
            unused = state_of(item) in idle
            item.update(dict.fromkeys(metrics, max(begin, created_of(item)) if unused else today))
            if unused:
                asked += [(item, member) for member in metrics]

        def ask(batch: Sequence[tuple[Item, str]]) -> None:
            params = {
                "MetricDataQueries": [
                    _query(f"m{number}", last_use, metrics[member], id_of(item))
                    for number, (item, member) in enumerate(batch)
                ],
                "StartTime": begin,
                "EndTime": today + _DAY,
                "ScanBy": "TimestampDescending",
            }
            client = account.client(last_use.service, region)
            for page in client.pages(last_use.operation, params):
                for result in page["MetricDataResults"]:
                    item, member = batch[int(result["Id"].removeprefix("m"))]
                    ends = (min(day + _DAY, today) for day in result["Timestamps"])
                    item[member] = max([item[member], *ends])

        run([bound(ask, asked[at : at + QUERIES]) for at in range(0, len(asked), QUERIES)])
        return items

    return add


def _query(id_: str, last_use: LastUse, metric: str, value: str) -> dict[str, Any]:
    dimensions = [{"Name": last_use.dimension, "Value": value}]
    named = {"Namespace": last_use.namespace, "MetricName": metric, "Dimensions": dimensions}
    period = int(_DAY.total_seconds())
    return {"Id": id_, "MetricStat": {"Metric": named, "Period": period, "Stat": "Sum"}}
