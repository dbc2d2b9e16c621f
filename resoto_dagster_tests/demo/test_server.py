import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest

from resoto_dagster.demo import server
from resoto_dagster.demo.server import (
    DemoError,
    SimulatedAccounts,
    only_simulated_aws,
    simulated_aws,
)

REAL = "https://ec2.eu-west-1.amazonaws.com"
HOSTILE = {
    "AWS_PROFILE": "production",
    "AWS_DEFAULT_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
    "AWS_SECRET_ACCESS_KEY": "real-secret",
    "AWS_SESSION_TOKEN": "real-token",
    "AWS_SECURITY_TOKEN": "real-token",
    "AWS_REGION": "eu-central-1",
    "AWS_ROLE_ARN": "arn:aws:iam::999999999999:role/admin",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
    "AWS_ENDPOINT_URL": REAL,
    "AWS_ENDPOINT_URL_EC2": REAL,
    "AWS_ENDPOINT_URL_STS": REAL,
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/credentials",
    "BOTO_CONFIG": "/boto.cfg",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "HTTPS_PROXY": "http://127.0.0.1:1",
    "MOTO_ACCOUNT_ID": "999999999999",
}
CREDENTIALS = "aws_access_key_id = AKIAREALREALREALREAL\naws_secret_access_key = real-secret\n"

# Any connection and any look-up of a name that would leave this machine ends the process at once.
ONLY_LOOPBACK = """
import os, sys

def stay_here(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host != "127.0.0.1":
        print("left the machine:", host, flush=True)
        os._exit(3)

sys.addaudithook(stay_here)
"""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    with simulated_aws(tmp_path_factory.mktemp("moto") / "moto.log") as endpoint:
        yield endpoint


@pytest.fixture
def hostile_home(tmp_path):
    """A home directory and an environment that do all they can to lead to a real account."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(f"[default]\n{CREDENTIALS}[production]\n{CREDENTIALS}")
    (tmp_path / ".aws" / "config").write_text(
        f"[default]\nregion = eu-central-1\nendpoint_url = {REAL}\nservices = real\n"
        f"[profile production]\nregion = eu-central-1\nservices = real\n"
        f"[services real]\ns3 =\n  endpoint_url = {REAL}\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, **HOSTILE, "HOME": str(tmp_path)}


def run(script, environ, *arguments):
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_no_setting_of_the_user_leads_to_a_real_account(endpoint, hostile_home):
    script = """
import json, sys, boto3
from resoto_dagster.demo.server import only_simulated_aws
found = {}
with only_simulated_aws(sys.argv[1]):
    session = boto3.Session()
    for service in sys.argv[2].split():
        client = session.client(service)
        found[service] = (client.meta.endpoint_url, client.meta.region_name)
    key = session.get_credentials().get_frozen_credentials().access_key
print(json.dumps({"clients": found, "key": key, "profiles": session.available_profiles}))
"""
    services = "ec2 s3 iam sts rds lambda elb elbv2 autoscaling cloudwatch cloudformation organizations"
    done = run(script, hostile_home, endpoint, services)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["clients"] == {service: [endpoint, "us-east-1"] for service in services.split()}
    assert found["key"] == "testing"
    assert found["profiles"] == []


def test_hostile_settings_would_lead_to_a_real_account_otherwise(hostile_home):
    script = 'import boto3; print(boto3.client("iam").meta.endpoint_url)'
    usual = {"AWS_USE_FIPS_ENDPOINT": "false", "AWS_USE_DUALSTACK_ENDPOINT": "false"}
    done = run(script, hostile_home | usual)
    assert done.stdout.strip() == "https://iam.amazonaws.com"


def test_no_call_leaves_the_machine(endpoint, hostile_home):
    script = (
        ONLY_LOOPBACK
        + """
import boto3
from resoto_dagster.demo.server import only_simulated_aws
with only_simulated_aws(sys.argv[1]):
    key = boto3.client("sts").assume_role(
        RoleArn="arn:aws:iam::222222222222:role/resoto", RoleSessionName="demo")["Credentials"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])
    print(session.client("sts").get_caller_identity()["Account"])
    print(len(session.client("ec2", "eu-west-1").describe_vpcs()["Vpcs"]))
    session.client("s3").create_bucket(Bucket="some-bucket")
    print(session.client("s3").list_objects_v2(Bucket="some-bucket")["KeyCount"])
"""
    )
    done = run(script, hostile_home, endpoint)
    assert (done.returncode, done.stdout.split()) == (0, ["222222222222", "1", "0"]), done.stderr


def test_a_call_that_would_leave_the_machine_is_noticed():
    script = ONLY_LOOPBACK + 'import socket; socket.getaddrinfo("ec2.eu-west-1.amazonaws.com", 443)'
    assert run(script, dict(os.environ)).returncode == 3


def test_the_environment_is_as_before_afterwards(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.delenv("AWS_CONFIG_FILE", raising=False)
    before = dict(os.environ)
    with only_simulated_aws("http://127.0.0.1:1"):
        assert "AWS_PROFILE" not in os.environ
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    "elsewhere", [REAL, "http://127.0.0.1.example.com:5000", "http://user@example.com", "127.0.0.1:5000"]
)
def test_an_endpoint_elsewhere_is_refused(elsewhere):
    with pytest.raises(DemoError, match="is no simulated AWS"):
        SimulatedAccounts(elsewhere)


def test_an_assumed_role_leads_to_its_account(endpoint):
    accounts = SimulatedAccounts(endpoint)
    for account in ("111111111111", "222222222222"):
        accounts.client(account, "iam").create_account_alias(AccountAlias=f"alias-{account}")
        assert accounts.client(account, "sts").get_caller_identity()["Account"] == account
    for account in ("111111111111", "222222222222"):
        answer = accounts.client(account, "iam").list_account_aliases()
        assert answer["AccountAliases"] == [f"alias-{account}"]


def test_its_price_list_has_what_the_estate_is_made_of_and_nothing_else(endpoint):
    pricing = SimulatedAccounts(endpoint).client("111111111111", "pricing")

    def prices(field, value):
        asked = {"Type": "TERM_MATCH", "Field": field, "Value": value}
        listed = pricing.get_products(ServiceCode="AmazonEC2", Filters=[asked])["PriceList"]
        return re.findall('"USD": "([0-9.]+)"', "".join(listed))

    assert prices("instanceType", "t3.micro") == ["0.012"]
    assert prices("volumeApiName", "gp3") == ["0.1"]
    assert prices("instanceType", "u-24tb1.metal") == []


def test_several_servers_run_side_by_side(endpoint, tmp_path):
    with simulated_aws(tmp_path / "other.log") as other:
        assert other != endpoint
        SimulatedAccounts(other).client("111111111111", "s3").create_bucket(Bucket="only-there")
    answer = SimulatedAccounts(endpoint).client("111111111111", "s3").list_buckets()
    assert "only-there" not in {bucket["Name"] for bucket in answer["Buckets"]}


def connection(endpoint):
    address = urlsplit(endpoint)
    return socket.create_connection((address.hostname, address.port), timeout=30)


def test_the_server_ends_with_the_block(tmp_path):
    with simulated_aws(tmp_path / "moto.log") as endpoint:
        connection(endpoint).close()
    with pytest.raises(ConnectionRefusedError):
        connection(endpoint)


def test_the_server_ends_when_its_parent_is_killed(tmp_path):
    script = """
import sys, time
from pathlib import Path
from resoto_dagster.demo.server import simulated_aws
with simulated_aws(Path(sys.argv[1])) as endpoint:
    print(endpoint, flush=True)
    time.sleep(300)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "moto.log")], stdout=subprocess.PIPE, text=True
    ) as parent:
        try:
            endpoint = parent.stdout.readline().strip()
            open_connection = connection(endpoint)
        finally:
            parent.send_signal(signal.SIGKILL)
    # An idle connection stays open for as long as the server lives; then it is closed, or reset.
    with open_connection, contextlib.suppress(ConnectionResetError):
        assert open_connection.recv(1) == b""
    # The kernel closes an ending process's sockets one by one, this one perhaps before the listening one.
    assert _refuses_soon(endpoint)


def _refuses_soon(endpoint):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            connection(endpoint).close()
        except ConnectionRefusedError:
            return True
        time.sleep(0.05)
    return False


def test_what_the_server_prints_goes_to_the_file(tmp_path, capfd):
    log = tmp_path / "moto.log"
    with simulated_aws(log) as endpoint, only_simulated_aws(endpoint):
        boto3.client("sts").get_caller_identity()
    assert capfd.readouterr() == ("", "")
    assert log.exists()


def test_a_server_that_does_not_start_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "MOTO_SETTINGS", {"PYTHONHOME": str(tmp_path / "nowhere")})
    log = Path(tmp_path / "moto.log")
    with pytest.raises(DemoError, match="the simulated AWS did not start") as told, simulated_aws(log):
        pass
    assert "\n" not in str(told.value)
    assert str(log) in str(told.value)
    assert "encodings" in log.read_text()
