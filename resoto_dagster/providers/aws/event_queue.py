"""The SQS queue of CloudTrail's events: received, mapped to the scopes they touch, forgotten when told to."""

import logging
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from resoto_dagster.model.resource import GLOBAL, Scope
from resoto_dagster.providers.aws.accounts import Account
from resoto_dagster.providers.aws.api_calls import ApiCall, Dropped, Malformed, read_api_call
from resoto_dagster.providers.aws.clients import ServiceClient
from resoto_dagster.providers.aws.declaration import PROVIDER, AwsKind
from resoto_dagster.providers.aws.organization import ORGANIZATION, configured_accounts
from resoto_dagster.providers.aws.settings import DEFAULT_ACCOUNT, AwsSettings
from resoto_dagster.providers.aws.touched import Touched
from resoto_dagster.providers.base import Event, ProviderError, Received

_LOG = logging.getLogger(__name__)

WAIT_SECONDS = 5
"""How long a first message is waited for."""

QUIET_SECONDS = 2
"""How long no message must come until what came so far is handed out: calls seldom come alone."""

LONGEST_SECONDS = 15
"""How long messages are received at most, however many come."""

MOST_MESSAGES = 1000
"""How many messages are received at most."""

HIDDEN_SECONDS = 120
"""How long a message is kept from coming again: longer than it takes to launch the run that covers it."""

_AT_A_TIME = 10
"""The most messages that SQS hands out or deletes with one call."""


class EventQueue:
    """The queue that the settings name; see `EventSource` for what its methods promise."""

    def __init__(self, settings: AwsSettings, kinds: Mapping[str, AwsKind]) -> None:
        if settings.events is None:
            raise ValueError("the settings name no queue of events")
        self._settings = settings
        self._queue = settings.events
        self._account = Account(self._queue.account, settings.profile, [self._queue.in_region])
        self._kinds = kinds
        self._url: str | None = None

    def receive(self, kinds: Collection[str]) -> Received:
        """Receive what there is, bounded; what is not wanted is forgotten at once. Raises ProviderError."""
        messages = self._messages()
        if not messages:
            return Received((), {})
        wanted = _Wanted(self._settings, self._kinds, kinds)
        events, unwanted, dropped = [], [], Counter[str]()
        for id_, (receipt, body) in messages.items():
            try:
                call = read_api_call(body)
                events.append(Event(id_, receipt, f"{call.service}:{call.name}", wanted.scopes(call)))
            except Dropped as reason:
                dropped[str(reason)] += 1
                unwanted.append(receipt)
            except Malformed as reason:
                _LOG.warning("message %s is deleted, since it is no event: %s", id_, reason)
                dropped["malformed message"] += 1
                unwanted.append(receipt)
        self.forget(unwanted)
        return Received(tuple(events), dropped)

    def forget(self, receipts: Sequence[str]) -> None:
        """Delete messages. Raises ProviderError when some could not be deleted; the others are."""
        failed: list[str] = []
        for start in range(0, len(receipts), _AT_A_TIME):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt}
                for number, receipt in enumerate(receipts[start : start + _AT_A_TIME])
            ]
            answer = self._client.call("delete_message_batch", {"QueueUrl": self._found, "Entries": entries})
            failed += [failure["Code"] for failure in answer.get("Failed", ())]
        if failed:
            raise ProviderError(f"{failed[0]}: {len(failed)} of {len(receipts)} messages were not deleted")

    def close(self) -> None:
        """Close all connections."""
        self._account.release()

    @property
    def _client(self) -> ServiceClient:
        return self._account.client("sqs", self._queue.in_region)

    @property
    def _found(self) -> str:
        """The queue's URL."""
        if self._url is None:
            named, client = self._queue.named, self._client
            asked = {"QueueName": self._queue.queue}
            self._url = client.call("get_queue_url", asked)["QueueUrl"] if named else self._queue.queue
        return self._url

    def _messages(self) -> dict[str, tuple[str, str]]:
        """Receipt and body of messages by their ids."""
        found: dict[str, tuple[str, str]] = {}
        asked = {
            "QueueUrl": self._found,
            "MaxNumberOfMessages": _AT_A_TIME,
            "VisibilityTimeout": HIDDEN_SECONDS,
        }
        wait, latest = WAIT_SECONDS, time.monotonic() + LONGEST_SECONDS
        while len(found) < MOST_MESSAGES and time.monotonic() < latest:
            answer = self._client.call("receive_message", {**asked, "WaitTimeSeconds": wait})
            messages = answer.get("Messages")
            if not messages:
                break
            found |= {one["MessageId"]: (one["ReceiptHandle"], one["Body"]) for one in messages}
            wait = QUIET_SECONDS
        return found


class _Wanted:
    """What of a call concerns what is collected: the kinds, accounts and regions of the settings."""

    def __init__(
        self, settings: AwsSettings, kinds: Mapping[str, AwsKind], configured: Collection[str]
    ) -> None:
        self._touched = Touched(kinds.values())
        self._configured = frozenset(configured)
        self._accounts: dict[str, Account] = {}
        self._all_known = True
        for account in configured_accounts(settings):
            try:
                name = account.id if account.configured == DEFAULT_ACCOUNT else account.configured
                self._accounts.setdefault(name, account)
                self._all_known &= name != ORGANIZATION
            except ProviderError:  # it might be the account of any call; the run tells what is wrong with it
                self._all_known = False
            finally:
                account.release()

    def scopes(self, call: ApiCall) -> frozenset[Scope]:
        """The scopes that a call may have touched. Raises Dropped where there are none."""
        if call.service not in self._touched.services:
            raise Dropped("call of a service without kinds")
        kinds = self._touched.kinds_of(call.service, call.name)
        if not kinds:
            raise Dropped("call that changes no resource")
        if not kinds & self._configured:
            raise Dropped("call on kinds that are not configured")
        account = self._accounts.get(call.account)
        if account is None and self._all_known:
            raise Dropped("call in an account that is not configured")
        scopes = frozenset(
            Scope(PROVIDER, call.account, region, kind)
            for kind in kinds & self._configured
            for region in self._touched.regions_of(kind, call.region)
            if region == GLOBAL or account is None or account.is_to_collect(region)
        )
        if not scopes:
            raise Dropped("call in a region that is not configured")
        return scopes
