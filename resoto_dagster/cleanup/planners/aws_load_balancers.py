"""Marks load balancers of AWS, and groups of targets, that have nothing to send traffic to.

What an autoscaling group or a service fills again, one that was scaled down for the night, is left alone.
"""

from sqlalchemy import Connection

from resoto_dagster.cleanup.planners.selection import Selected, found_by
from resoto_dagster.config import LoadBalancersSettings
from resoto_dagster.model.durations import spell_duration

REASONS_FROM = (
    "aws_elb",
    "aws_alb",
    "aws_alb_target_group",
    "aws_ec2_instance",
    "aws_autoscaling_group",
    "aws_ecs_service",
)

_LIVE = "(is(aws_ec2_instance) and instance_status != terminated)"
_FILLED_BY = "is([aws_autoscaling_group, aws_ecs_service])"
_UNUSED = {
    "is(aws_elb)": f"with(empty, <-[1:1]-> {_LIVE} or {_FILLED_BY})",
    "is(aws_alb) and backends = []": f"with(empty, --> is(aws_alb_target_group) with(any, <-- {_FILLED_BY}))",
    "is(aws_alb_target_group) and backends = []": f"with(empty, <-- {_FILLED_BY})",
}


def select(connection: Connection, settings: LoadBalancersSettings) -> list[Selected]:
    """Those older than `min_age` and not tagged `expiration: never`."""
    least = spell_duration(settings.min_age)
    return [
        one
        for which, unused in _UNUSED.items()
        for one in found_by(
            connection,
            f"{which} and age > {least} and not tags.expiration = never {unused}",
            lambda _: "nothing to send traffic to",
        )
    ]
