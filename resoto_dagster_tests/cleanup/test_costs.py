"""What a plan saves, and the budget of money."""

import pytest

from resoto_dagster.config import BudgetSettings
from resoto_dagster.model.resource import Edge, EdgeType, Resource
from resoto_dagster_tests.cleanup.conftest import EXPIRED, Estate, settings
from resoto_dagster_tests.estate import resource

TYPE = (Edge(EdgeType.DEFAULT, outgoing=False, kind="sim_instance_type", value="big"),)
DISK = (Edge(EdgeType.DEFAULT, outgoing=False, kind="sim_volume_type", value="ssd"),)


def priced(price: float | None = 0.1) -> list[Resource]:
    cost = {} if price is None else {"ondemand_cost": price}
    return [
        resource("big", "sim_instance_type", properties=cost),
        resource("ssd", "sim_volume_type", properties=cost),
    ]


def instance(id_: str, status: str = "running") -> Resource:
    return resource(id_, "sim_instance", tags=EXPIRED, edges=TYPE, properties={"instance_status": status})


def volume(id_: str, size: int, edges: tuple[Edge, ...] = DISK) -> Resource:
    return resource(id_, tags=EXPIRED, edges=edges, properties={"volume_size": size})


def costs(estate: Estate) -> dict[str, float | None]:
    return {item.resource.id: item.monthly_cost for item in estate.plan().items}


def test_a_volume_costs_by_the_gigabyte_and_an_instance_by_the_hour(estate: Estate) -> None:
    estate.collect(*priced(), instance("i1"), instance("i2", "stopped"), volume("v1", 50))
    assert costs(estate) == pytest.approx({"i1": 73.0, "i2": 0.0, "v1": 5.0})
    assert estate.plan().monthly_cost == pytest.approx(78.0)


def test_without_a_price_the_cost_is_unknown_and_not_nothing(estate: Estate) -> None:
    estate.collect(*priced(None), instance("i1"), volume("v1", 50), volume("v2", 5, edges=()))
    assert costs(estate) == {"i1": None, "v1": None, "v2": None}
    assert estate.plan().monthly_cost == 0


def test_what_goes_along_counts_in(estate: Estate) -> None:
    root = Edge(EdgeType.DEFAULT, outgoing=False, kind="sim_instance", value="i1")
    estate.collect(
        *priced(), instance("i1"), resource("root", edges=(*DISK, root), properties={"volume_size": 10})
    )
    estate.cloud.along = {"root"}
    assert costs(estate) == pytest.approx({"i1": 74.0})


def test_more_money_than_the_budget_holds_the_plan(estate: Estate) -> None:
    estate.collect(*priced(), instance("i1"))
    given = settings(budget=BudgetSettings(share=1.0, money=72.99))
    plan = estate.plan(given)
    assert plan.held == "what would be deleted costs $73.00 a month, more than cleanup.budget.money = 72.99"
    assert estate.execute(plan, given) == {}
    assert estate.plan(settings(budget=BudgetSettings(share=1.0, money=73.0))).held is None


def test_only_what_goes_is_budgeted(estate: Estate) -> None:
    estate.collect(*priced(), instance("i1"))
    given = settings(accounts={}, budget=BudgetSettings(share=1.0, money=1))
    assert estate.plan(given).held is None
