"""The estate of the demo: two accounts of a shop, three regions, about a thousand resources.

Most of it stays. What is tagged as expired: a whole VPC, and something of most kinds. Some of that must
stay nevertheless: a volume that an instance uses, a VPC with a live instance in it, whatever is tagged
`protected: true`. The simulated AWS creates everything now, so what is to be old says so by `resoto:ctime`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from resoto_dagster.demo import resources as make
from resoto_dagster.demo.resources import Network, Place, Tagger, Tags
from resoto_dagster.demo.server import ROLE, SimulatedAccounts

ACCOUNTS = {"111111111111": "shop-production", "222222222222": "shop-sandbox"}
"""The accounts and their aliases."""
REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
EXPIRED_VPC_REGION = "eu-west-1"
"""Where each account has an expired VPC with everything in it, named `review-env`."""
BUSY_VPC_REGION = "us-west-2"
"""Where each account has an expired VPC with a live instance in it, named `load-test`."""
PROTECTED_TAG = "protected"
"""What carries this tag is for a hook to protect."""

_RUNNING = {"t3.micro": 6, "t3.large": 5, "m5.large": 4, "c5.xlarge": 3, "r5.2xlarge": 1}
_OWNERS = ("checkout", "search", "payments", "data")
# The simulated AWS answers one request after the other: one is sent while another one is answered.
_THREADS = 3


class _Staying:
    """Tags of what stays, everyone's a little different; one in eleven has no owner."""

    def __init__(self, place: Place) -> None:
        self._environment = ACCOUNTS[place.account].removeprefix("shop-")
        self._count = 0

    def __call__(self, name: str) -> Tags:
        number, self._count = self._count, self._count + 1
        owner = {} if number % 11 == 10 else {"owner": _OWNERS[number % len(_OWNERS)]}
        return {"Name": name, "environment": self._environment, **owner, **_staying_life(number)}


def _staying_life(number: int) -> Tags:
    """One of the ways in which a resource does not expire, the unreadable ones included."""
    lives: tuple[Tags, ...] = (
        {},
        _aged(400),
        {"expiration": "never"},
        {**_aged(10), "expiration": "90d"},
        {},
        {"resoto:expires": _in_days(60)},
        _aged(21),
        {**_aged(40), "expiration": ("-7d", "0h", "soon")[number // 8 % 3]},
    )
    return lives[number % len(lives)]


def _expired(name: str) -> Tags:
    return {"Name": name, "owner": "search", **_aged(30), "expiration": "7d"}


def _overdue(name: str) -> Tags:
    return {"Name": name, "owner": "data", "resoto:expires": _in_days(-2)}


def _protected(name: str) -> Tags:
    return {**_expired(name), PROTECTED_TAG: "true"}


def _aged(days: float) -> Tags:
    return {"resoto:ctime": _in_days(-days)}


def _in_days(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")


def seed(endpoint: str) -> None:
    """Fill an empty simulated AWS. Raises DemoError when the endpoint is not on this machine."""
    accounts = SimulatedAccounts(endpoint)
    homes = [Place(accounts, account, REGIONS[0]) for account in ACCOUNTS]
    places = [Place(accounts, account, region) for account in ACCOUNTS for region in REGIONS]
    with ThreadPoolExecutor(_THREADS) as pool:
        # The roles come before the functions that run as them.
        for part, where in ((_seed_identities, homes), (_seed_buckets, homes), (_seed_region, places)):
            list(pool.map(part, where))


def _seed_identities(place: Place) -> None:
    staying = _Staying(place)
    place.client("iam").create_account_alias(AccountAlias=ACCOUNTS[place.account])
    make.create_role(place, ROLE, staying(ROLE))
    for number in range(8):
        make.create_role(place, f"service-{number}", staying(f"service-{number}"))
    make.create_role(place, "migration-2024", _expired("migration-2024"))
    for number in range(12):
        name = f"developer-{number}"
        make.create_user(place, name, staying(name), access_key=number < 8)
    # Without an access key: a key has no tags, and would go with the user without being in the plan.
    make.create_user(place, "contractor", _overdue("contractor"), access_key=False)


def _seed_buckets(place: Place) -> None:
    staying, alias = _Staying(place), ACCOUNTS[place.account]
    for number in range(12):
        make.create_bucket(place, f"{alias}-data-{number}", staying(f"data-{number}"))
    make.create_bucket(place, f"{alias}-build-cache", _expired("build-cache"), objects=5)
    make.create_bucket(place, f"{alias}-audit", _protected("audit"), objects=2)


def _seed_region(place: Place) -> None:
    staying = _Staying(place)
    main = make.create_network(place, "main", "10.0", staying)
    make.connect_network(place, main, staying)
    instances = _seed_instances(place, main, staying)
    _seed_storage(place, main, staying)
    _seed_balancers(place, main, staying, instances[:3])
    _seed_services(place, main, staying, instances)
    if place.region == EXPIRED_VPC_REGION:
        _seed_expired_vpc(place)
    if place.region == BUSY_VPC_REGION:
        _seed_busy_vpc(place)


def _seed_instances(place: Place, network: Network, staying: Tagger) -> list[str]:
    """Instances and the volumes attached to them; returns those that run and stay."""
    running = [
        instance
        for instance_type, count in _RUNNING.items()
        for instance in make.create_instances(
            place, network, instance_type, count, staying(f"web-{instance_type}")
        )
    ]
    stopped = make.create_instances(place, network, "m5.xlarge", 3, staying("batch"))
    place.ec2.stop_instances(InstanceIds=stopped)
    for number, instance in enumerate(running[:6]):
        make.create_volume(place, 100 + number, staying(f"data-{number}"), instance)
    # Expired, but the instance that uses it stays.
    make.create_volume(place, 50, _expired("scratch"), running[6])
    # The other way round: the instance goes and its data volume stays.
    (experiment,) = make.create_instances(place, network, "t3.medium", 1, _expired("experiment"))
    make.create_volume(place, 200, staying("experiment-data"), experiment)
    make.create_alarm(place, "cpu-experiment", experiment, _overdue("cpu-experiment"))
    return running


def _seed_storage(place: Place, network: Network, staying: Tagger) -> None:
    for number in range(11):
        volume = make.create_volume(place, 10 + number, staying(f"archive-{number}"))
        make.create_snapshot(place, volume, staying(f"archive-{number}"))
    for number, ending in enumerate((_expired, _overdue)):
        volume = make.create_volume(place, 40 + number, ending(f"test-disk-{number}"))
    make.create_snapshot(place, volume, _overdue("before-upgrade"))
    make.create_volume(place, 80, _protected("forensics"))
    for number in range(3):
        make.create_keypair(place, f"team-{number}", staying(f"team-{number}"))
    make.create_keypair(place, "former-colleague", _expired("former-colleague"))
    for number in range(2):
        make.create_elastic_ip(place, staying(f"entry-{number}"))
        make.create_network_interface(place, network, staying(f"standby-{number}"))
    make.create_elastic_ip(place, _overdue("old-entry"))


def _seed_balancers(place: Place, network: Network, staying: Tagger, instances: Sequence[str]) -> None:
    make.create_classic_balancer(place, network, "shop-legacy", staying("shop-legacy"), instances)
    make.create_balancer(place, network, "shop-front", staying, instances)
    make.create_target_group(place, network, "canary", _expired("canary"))
    # Not expired, but long without anything behind it.
    idle = {"Name": "shop-idle", "owner": "checkout", **_aged(60)}
    make.create_classic_balancer(place, network, "shop-idle", idle, ())


def _seed_services(place: Place, network: Network, staying: Tagger, instances: Sequence[str]) -> None:
    for name in ("orders", "catalogue"):
        make.create_database(place, name, staying(name))
    make.create_database(place, "orders-copy", _overdue("orders-copy"))
    for number in range(6):
        make.create_function(place, f"handler-{number}", "service-0", staying(f"handler-{number}"))
    make.create_function(place, "one-off-import", "service-1", _expired("one-off-import"))
    for number, instance in enumerate(instances[:8]):
        make.create_alarm(place, f"cpu-{number}", instance, staying(f"cpu-{number}"))
    # Not expired, but on an instance that is long gone.
    make.create_alarm(place, "cpu-of-gone-instance", "i-0123456789abcdef0", _aged(90))
    make.create_scaling_group(place, network, "workers", staying("workers"))
    make.create_stack(place, "notifications", staying("notifications"))


def _seed_expired_vpc(place: Place) -> None:
    network = make.create_network(place, "review-env", "10.1", _expired)
    make.connect_network(place, network, _expired)
    instances = make.create_instances(place, network, "t3.small", 3, _expired("review-web"))
    make.create_volume(place, 30, _expired("review-data"), instances[0])
    make.create_classic_balancer(place, network, "review-legacy", _expired("review-legacy"), instances[:1])
    make.create_balancer(place, network, "review-front", _expired, instances)


def _seed_busy_vpc(place: Place) -> None:
    network = make.create_network(place, "load-test", "10.2", _overdue)
    make.create_instances(place, network, "c5.large", 1, {"Name": "still-needed", "owner": "search"})
