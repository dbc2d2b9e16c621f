"""Events as EventBridge delivers them from CloudTrail, and a queue in moto that takes them."""

import uuid
from dataclasses import dataclass
from typing import Any

import orjson

from resoto_dagster_tests.providers.aws.harness import ACCOUNT, REGION

SECRET = "correct-horse-battery-staple"
"""What no log may hold, though the events do."""


def envelope(service: str, name: str, **detail: Any) -> dict[str, Any]:
    """The event of a call; what is given as None is left out."""
    told = {
        "eventVersion": "1.11",
        "userIdentity": {"type": "AssumedRole", "accountId": ACCOUNT},
        "eventTime": "2026-01-31T12:00:00Z",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": "192.0.2.1",
        "requestParameters": {"password": SECRET},
        "responseElements": {"secretAccessKey": SECRET},
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        **detail,
    }
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "AWS API Call via CloudTrail",
        "source": f"aws.{service}",
        "account": ACCOUNT,
        "time": "2026-01-31T12:00:01Z",
        "region": REGION,
        "resources": [],
        "detail": {key: value for key, value in told.items() if value is not None},
    }


@dataclass(frozen=True)
class Queue:
    """A queue of events in moto."""

    client: Any
    url: str

    def tell(self, service: str, name: str, **detail: Any) -> str:
        """Put the event of a call into the queue. Returns the id of the message."""
        return self.put(orjson.dumps(envelope(service, name, **detail)).decode())

    def put(self, text: str) -> str:
        """Put a message into the queue. Returns its id."""
        id_: str = self.client.send_message(QueueUrl=self.url, MessageBody=text)["MessageId"]
        return id_

    def left(self) -> int:
        """How many messages have not been deleted, whether or not they are hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(answer[name]) for name in names)

    def show_again(self) -> None:
        """Let the time pass after which messages that are not deleted come again."""
        from moto.sqs.models import sqs_backends

        queue = sqs_backends[ACCOUNT][REGION].queues[self.url.rpartition("/")[2]]
        for message in queue._messages:
            message.change_visibility(0)
