"""A collect: every kind in every region of every account, side by side, scope by scope."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from resoto_dagster.model.resource import GLOBAL, Scope
from resoto_dagster.providers.aws.access import CONNECTIONS
from resoto_dagster.providers.aws.accounts import Account
from resoto_dagster.providers.aws.declaration import PROVIDER, AwsKind
from resoto_dagster.providers.aws.errors import one_line
from resoto_dagster.providers.aws.reading import Reader
from resoto_dagster.providers.aws.settings import DEFAULT_ACCOUNT
from resoto_dagster.providers.base import CollectSink, ProviderError

_LOG = logging.getLogger(__name__)


def collect(
    accounts: Sequence[Account],
    kinds: Sequence[AwsKind],
    reader: Callable[[AwsKind], Reader],
    sink: CollectSink,
) -> None:
    """Read the kinds of all accounts and report to the sink. Raises only what the sink raises."""
    # Two pools: a scope waits for its details, a detail for nothing, so that neither can block the other.
    with (
        ThreadPoolExecutor(CONNECTIONS // 2, "aws-detail") as details,
        ThreadPoolExecutor(CONNECTIONS // 2, "aws-scope") as scopes,
    ):
        try:
            _Collect(kinds, reader, sink, scopes, details).run(accounts)
        except BaseException:  # of the sink, or an interrupt: end as soon as what runs has ended
            scopes.shutdown(wait=False, cancel_futures=True)
            raise


class _Collect:
    def __init__(
        self,
        kinds: Sequence[AwsKind],
        reader: Callable[[AwsKind], Reader],
        sink: CollectSink,
        scopes: ThreadPoolExecutor,
        details: ThreadPoolExecutor,
    ) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self._reader = reader
        self._sink = sink
        self._scopes = scopes
        self._details = details

    def run(self, accounts: Sequence[Account]) -> None:
        todo = self._announce(accounts)
        planning = {self._scopes.submit(self._plan, name, account): account for name, account in todo.items()}
        reading: dict[Future[None], Account] = {}
        for planned in as_completed(planning):
            account = planning[planned]
            for scope in planned.result():
                reading[self._scopes.submit(self._read, account, scope)] = account
        left = Counter(reading.values())
        for read in as_completed(reading):
            read.result()
            account = reading[read]
            left[account] -= 1
            if not left[account]:
                account.release()

    def _announce(self, accounts: Sequence[Account]) -> dict[str, Account]:
        """The accounts to enter, by id; one that is listed by id and is the default too counts once."""
        named: dict[str, Account] = {}
        failed: dict[str, str] = {}
        for account in accounts:
            try:
                name = account.id if account.configured == DEFAULT_ACCOUNT else account.configured
                named.setdefault(name, account)
            except ProviderError as error:
                failed[account.configured] = one_line(str(error))
        self._sink.accounts_expected([*named, *failed])
        for name, reason in failed.items():
            self._sink.account_failed(name, reason)
        return named

    def _plan(self, name: str, account: Account) -> list[Scope]:
        """Announce and return the scopes of an account; none when it can't be entered."""
        try:
            scopes = [
                Scope(PROVIDER, account.id, region, kind.name)
                for region in (GLOBAL, *account.regions())
                for kind in self._kinds.values()
                if kind.api_in(region) and account.offered(kind.service, region)
            ]
        except Exception as error:  # whatever is wrong with one account concerns no other
            self._sink.account_failed(name, _reason(error, name))
            return []
        self._sink.scopes_expected(scopes)
        return scopes

    def _read(self, account: Account, scope: Scope) -> None:
        try:
            reader = self._reader(self._kinds[scope.kind])
            resources = reader.read_all(account, scope.region, self._side_by_side)
        except Exception as error:  # whatever is wrong with one scope concerns no other
            self._sink.failed(scope, _reason(error, str(scope)))
        else:
            self._sink.collected(scope, resources)

    def _side_by_side(self, calls: Iterable[Callable[[], None]]) -> None:
        running = [self._details.submit(call) for call in calls]
        try:
            for call in running:
                call.result()
        finally:
            for call in running:
                call.cancel()


def _reason(error: Exception, place: str) -> str:
    """The error as one line; one that is no answer of AWS is logged with its traceback."""
    if isinstance(error, ProviderError):
        return one_line(str(error))
    _LOG.error("%s could not be read", place, exc_info=error)
    return one_line(f"{type(error).__name__}: {error}")
