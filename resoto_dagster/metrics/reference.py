"""The page on all metrics: what each says, its labels, and what it is computed from.

`python -m resoto_dagster.metrics.reference` prints it.
"""

from resoto_dagster.config import MetricsSettings
from resoto_dagster.metrics.definitions import PREFIX, Metric, load_definitions
from resoto_dagster.metrics.workflow_metrics import OF_WORKFLOW

_INTRODUCTION = """\
# Metrics

All metrics that the step `generate_metrics` makes, and that `resoto metrics serve` exports. \
`make metrics-reference` writes this page; a test fails when it is out of date. \
[How to add, change and switch off metrics](../how-to/measure-your-own.md).

Names begin with `{prefix}`. A label of what a resource does not say is empty. `account` is an account's \
name where that is known, else its id.

## Of the inventory

{count} metrics, all gauges, each defined by a search in `resoto_dagster/metrics/default_metrics.yaml`. \
They are measured again when the inventory, a definition or a limit has changed. Names that end in `_total` \
are what Resoto calls them; they are gauges nonetheless, and exported without a type. The monthly cost of \
volumes is Resoto's, too: the sum of their types' prices for a gigabyte, without their sizes; what a plan \
saves has them in it.

| metric | what it says | labels | value | of |
| --- | --- | --- | --- | --- |
"""
_WORKFLOW = """
## Of the workflow

{count} metrics, read whenever the step runs. Counters only ever grow; all else holds now, or of the last \
run. Of times the moment is exported: `time() - METRIC` is the age.

| metric | what it says | type | labels |
| --- | --- | --- | --- |
"""


def page() -> str:
    """The page in Markdown."""
    metrics = load_definitions(MetricsSettings())
    parts = [_INTRODUCTION.format(prefix=PREFIX, count=len(metrics)), *map(_row, metrics)]
    parts.append(_WORKFLOW.format(count=len(OF_WORKFLOW)))
    parts += [
        f"| {PREFIX}{name} | {metric.help} | {metric.type} | {', '.join(metric.labels)} |\n"
        for name, metric in OF_WORKFLOW.items()
    ]
    return "".join(parts)


def _row(metric: Metric) -> str:
    aggregate = metric.query.aggregate
    assert aggregate is not None
    function, _, _ = str(aggregate.functions[0]).partition(" as ")
    of = str(metric.query).removeprefix(f"{aggregate}: ")
    labels = ", ".join(metric.labels)
    return f"| {PREFIX}{metric.name} | {metric.help} | {labels} | `{function}` | `{of}` |\n"


if __name__ == "__main__":
    print(page(), end="")
