"""Whether a service is there in a region: what botocore knows of it, and what the name of its endpoint says.

botocore lists the regions of most services, of some none (bedrock-agent), and a region younger than botocore
is in no list. Where it does not list a region, the name of the endpoint decides. A name that does not exist
means that the service is not there only if the same resolver knows other services in that region and that
service in other regions; one behind a firewall or a proxy does not, and then what botocore says counts.
"""

import socket
from functools import cache

from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from resoto_dagster.providers.aws.clients import loading, new_session

HOME_REGIONS = {
    "aws": "us-east-1",
    "aws-cn": "cn-north-1",
    "aws-eusc": "eusc-de-east-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-us-gov": "us-gov-west-1",
}
"""Where a partition's account-wide services are asked."""

LISTED_EVERYWHERE = frozenset(
    {
        "datazone",
        "eks-auth",
        "gameliftstreams",
        "internetmonitor",
        "kendra-ranking",
        "notifications",
        "qbusiness",
    }
)
"""Services for which botocore lists every region, by a rule for names, whether they are there or not."""

_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_EVERYWHERE = "ec2"
"""A service that every region has."""


def offered_in_partition(partition: str, service: str) -> bool:
    """Whether an account-wide service is there in a partition; yes when botocore doesn't know it at all."""
    known = {one for one in HOME_REGIONS if _listed(service, one, anything=True)}
    return partition in known or not known


def offered_in_region(session: Session, partition: str, service: str, region: str) -> bool:
    """Whether a service is there in a region; yes when that is not certain."""
    listed = _listed(service, partition)
    if region in listed and service not in LISTED_EVERYWHERE:
        return True
    there = _exists(session, service, region)
    if there:
        return True
    regions = _listed(_EVERYWHERE, partition)
    if there is False and _exists(session, _EVERYWHERE, region):
        others = dict.fromkeys((HOME_REGIONS[partition], HOME_REGIONS["aws"], *(listed or regions)))
        if any(_exists(session, service, other) for other in others if other != region):
            return False
    return region in listed or not listed or region not in regions


@cache
def _listed(service: str, partition: str, anything: bool = False) -> tuple[str, ...]:
    """The regions for which botocore lists a service; with `anything` also what is no region."""
    with loading:
        return tuple(new_session().get_available_regions(service, partition, allow_non_regional=anything))


def _exists(session: Session, service: str, region: str) -> bool | None:
    """Whether the name of a service's endpoint in a region exists; None when there is no telling."""
    if any(session.get_config_variable(name) for name in ("use_fips_endpoint", "use_dualstack_endpoint")):
        return None  # many services have no such endpoint where they are there all the same
    try:
        endpoint = _rules(service).resolve_endpoint(Region=region, UseFIPS=False, UseDualStack=False)
    except BotoCoreError:  # it takes more than a region to lead to an endpoint
        return None
    return _name_exists(endpoint.url.removeprefix("https://").partition("/")[0])


@cache
def _rules(service: str) -> EndpointProvider:
    with loading:
        loader = new_session().get_component("data_loader")
        rules = loader.load_service_model(service, "endpoint-rule-set-1")
        return EndpointProvider(rules, loader.load_data("partitions"))


@cache
def _name_exists(host: str) -> bool | None:
    """Whether a name exists; None when the resolver gave no answer."""
    try:
        # The dot keeps the resolver from trying the name in its own domains first.
        socket.getaddrinfo(f"{host}.", 443, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError as error:
        return False if error.errno in _NO_SUCH_NAME else None
    return True
