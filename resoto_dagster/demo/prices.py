"""The price list of the simulated AWS. The prices are made up, of the size that real ones have."""

import json
from typing import Any

_DOLLARS = {
    # an hour
    "t3.micro": 0.012,
    "t3.small": 0.024,
    "t3.medium": 0.048,
    "t3.large": 0.096,
    "m5.large": 0.115,
    "m5.xlarge": 0.23,
    "c5.large": 0.1,
    "c5.xlarge": 0.2,
    "r5.2xlarge": 0.6,
    # a month of a gigabyte
    "gp2": 0.12,
    "gp3": 0.1,
    "io1": 0.15,
}


def products(request: Any) -> dict[str, Any]:
    """What `GetProducts` answers: the product that a filter names, with its price, or none."""
    named = [one["Value"] for one in request.get("Filters", []) if one["Value"] in _DOLLARS]
    return {"FormatVersion": "aws_v1", "PriceList": [json.dumps(_product(name)) for name in named]}


def _product(name: str) -> dict[str, Any]:
    price = {"priceDimensions": {"price": {"pricePerUnit": {"USD": str(_DOLLARS[name])}}}}
    return {"product": {"attributes": {"name": name}}, "terms": {"OnDemand": {"term": price}}}
