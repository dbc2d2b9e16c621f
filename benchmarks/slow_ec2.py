"""A minimal EC2 on the loopback interface whose every answer takes its time, and costs next to nothing else.

Usage: python benchmarks/slow_ec2.py VOLUMES MILLISECONDS

It knows volumes that nothing uses: they are described, one by one or all, and deleted. It prints its port,
and for each line that it reads how many requests it was asked since the line before; it ends with its input.
"""

import asyncio
import sys
from urllib.parse import parse_qsl

ACCOUNT = "111111111111"
_TAGS = "<tagSet><item><key>expiration</key><value>1d</value></item></tagSet>"
_VOLUME = (
    "<item><volumeId>{}</volumeId><size>8</size><snapshotId/><availabilityZone>us-east-1a</availabilityZone>"
    "<status>available</status><createTime>2026-01-01T00:00:00.000Z</createTime><attachmentSet/>"
    f"<volumeType>gp3</volumeType><encrypted>false</encrypted>{_TAGS}</item>"
)
_IDENTITY = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult>"
    f"<Arn>arn:aws:iam::{ACCOUNT}:user/x</Arn><UserId>x</UserId><Account>{ACCOUNT}</Account>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
)
_ALIASES = "<ListAccountAliasesResponse><ListAccountAliasesResult/></ListAccountAliasesResponse>"
_GONE = "<Response><Errors><Error><Code>InvalidVolume.NotFound</Code><Message/></Error></Errors></Response>"


class SlowEc2:
    """The volumes there are, and the number of requests."""

    def __init__(self, volumes: int, seconds: float) -> None:
        self._volumes = [f"vol-{number:017x}" for number in range(volumes)]
        self._there = set(self._volumes)
        self._seconds = seconds
        self.requests = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after the other."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                body = await reader.readexactly(length)
                self.requests += 1
                await asyncio.sleep(self._seconds)
                status, content = self._answer(dict(parse_qsl(body.decode())), head)
                lines = (
                    f"HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {len(content)}\r\n\r\n"
                )
                writer.write((lines + content).encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, asked: dict[str, str], head: bytes) -> tuple[str, str]:
        match asked.get("Action"):
            case "GetCallerIdentity":
                return "200 OK", _IDENTITY
            case "ListAccountAliases":
                return "200 OK", _ALIASES
            case "DescribeRegions":
                region = "<regionName>us-east-1</regionName><regionEndpoint/>"
                status = "<optInStatus>opt-in-not-required</optInStatus>"
                return "200 OK", f"<R><regionInfo><item>{region}{status}</item></regionInfo></R>"
            case "DescribeVolumes":
                wanted = [asked["VolumeId.1"]] if "VolumeId.1" in asked else self._volumes
                there = [volume for volume in wanted if volume in self._there]
                if "VolumeId.1" in asked and not there:
                    return "400 Bad Request", _GONE
                items = "".join(map(_VOLUME.format, there))
                return "200 OK", f"<R><volumeSet>{items}</volumeSet></R>"
            case "DeleteVolume":
                if asked["VolumeId"] not in self._there:
                    return "400 Bad Request", _GONE
                self._there.remove(asked["VolumeId"])
                return "200 OK", "<R><requestId>1</requestId><return>true</return></R>"
        if b"GetMetricData" in head:  # when a volume was last used
            return "200 OK", '{"MetricDataResults": []}'
        return "400 Bad Request", _GONE.replace("InvalidVolume.NotFound", "InvalidAction")


async def main(volumes: int, seconds: float) -> None:
    """Serve until there is no more input."""
    ec2 = SlowEc2(volumes, seconds)
    server = await asyncio.start_server(ec2.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(ec2.requests, flush=True)
        ec2.requests = 0


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]) / 1000))
