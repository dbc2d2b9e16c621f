"""A collect: every kind in every region of every account, side by side, scope by scope."""

import logging
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import SimpleQueue
from typing import Any

from resoto_dagster.garbage import seldom_looked_for
from resoto_dagster.model.resource import GLOBAL, Scope
from resoto_dagster.providers.aws.accounts import Account
from resoto_dagster.providers.aws.connections import CONNECTIONS
from resoto_dagster.providers.aws.declaration import PROVIDER, AwsKind
from resoto_dagster.providers.aws.errors import one_line
from resoto_dagster.providers.aws.large_answers import LARGE_ANSWERS
from resoto_dagster.providers.aws.reading import Reader
from resoto_dagster.providers.aws.settings import DEFAULT_ACCOUNT
from resoto_dagster.providers.base import CollectSink, ProviderError

_LOG = logging.getLogger(__name__)
_ENTERED = 4
"""Accounts that are entered at a time."""
_AHEAD = 4
"""Scopes that wait for each thread that reads, until no further account is entered."""


def collect(
    accounts: Sequence[Account],
    kinds: Sequence[AwsKind],
    reader: Callable[[AwsKind], Reader],
    sink: CollectSink,
    only: Collection[Scope] | None = None,
) -> None:
    """Read the kinds of all accounts, or of them only some scopes, and report to the sink.

    Raises only what the sink raises.
    """
    # Two pools: whoever reads a scope has others help with its details, and does without where all are busy.
    with (
        seldom_looked_for(),
        ThreadPoolExecutor(CONNECTIONS, "aws-detail") as helpers,
        ThreadPoolExecutor(CONNECTIONS // 2, "aws-scope") as scopes,
    ):
        try:
            _Collect(kinds, reader, sink, scopes, helpers, only).run(accounts)
        except BaseException:  # of the sink, or an interrupt: end as soon as what runs has ended
            scopes.shutdown(wait=False, cancel_futures=True)
            for account in accounts:
                account.release()  # wakes what waits to try again
            raise


class _Collect:
    def __init__(
        self,
        kinds: Sequence[AwsKind],
        reader: Callable[[AwsKind], Reader],
        sink: CollectSink,
        scopes: ThreadPoolExecutor,
        helpers: ThreadPoolExecutor,
        only: Collection[Scope] | None,
    ) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self._reader = reader
        self._sink = sink
        self._scopes = scopes
        self._helpers = helpers
        self._only = only

    def run(self, accounts: Sequence[Account]) -> None:
        """Read all accounts, each entered when its turn is near and left when its last scope was read."""
        todo = deque(self._announce(accounts).items())
        enough = _AHEAD * CONNECTIONS // 2
        ended: SimpleQueue[tuple[Account, Future[Any]]] = SimpleQueue()
        entering: set[Account] = set()
        left: Counter[Account] = Counter()
        empty: list[Scope] = []

        def submit(account: Account, work: Callable[..., Any], *args: Any) -> None:
            future = self._scopes.submit(work, *args)
            future.add_done_callback(lambda done: ended.put((account, done)))

        while todo or entering or left:
            while todo and len(entering) < _ENTERED and left.total() < enough:
                name, account = todo.popleft()
                entering.add(account)
                submit(account, self._plan, name, account)
            account, done = ended.get()
            result = done.result()
            if account in entering:
                entering.remove(account)
                for scope in result:
                    submit(account, self._read, account, scope)
                left[account] = len(result)
            else:
                left[account] -= 1
                empty += [result] if result else []
            if not left[account]:
                del left[account]
                account.release()
                self._sink.found_empty(empty)
                empty = []

    def _announce(self, accounts: Sequence[Account]) -> dict[str, Account]:
        """The accounts to enter, by id; one that is listed by id and is the default too counts once."""
        named: dict[str, Account] = {}
        failed: dict[str, str] = {}
        for account in accounts:
            try:
                name = account.id if account.configured == DEFAULT_ACCOUNT else account.configured
                if self._only is None or not name.isdigit() or any(name == one.account for one in self._only):
                    named.setdefault(name, account)  # what is no id stands for accounts that are not known
            except ProviderError as error:
                failed[account.configured] = one_line(str(error))
        self._sink.accounts_expected([*named, *failed])
        for name, reason in failed.items():
            self._sink.account_failed(name, reason)
        return named

    def _wants(self, scope: Scope) -> bool:
        return self._only is None or scope in self._only

    def _plan(self, name: str, account: Account) -> list[Scope]:
        """Announce and return the scopes of an account; none when it can't be entered or has none."""
        try:
            regions = account.regions()
            scopes = [
                scope
                for region in (GLOBAL, *regions)
                for kind in self._kinds.values()
                if kind.api_in(region)
                and self._wants(scope := Scope(PROVIDER, account.id, region, kind.name))
                and account.offered(kind.service, region)
            ]
        except Exception as error:  # whatever is wrong with one account concerns no other
            self._sink.account_failed(name, _reason(error, name))
            return []
        if scopes:
            self._sink.scopes_expected(scopes)
        else:
            read = ", ".join(regions) or "none"
            self._sink.account_empty(name, f"no kind that is collected is in the regions to read ({read})")
        return scopes

    def _read(self, account: Account, scope: Scope) -> Scope | None:
        """Report a scope; one that is empty is returned instead, to be reported with others."""
        with LARGE_ANSWERS.handled():
            try:
                reader = self._reader(self._kinds[scope.kind])
                resources = reader.read_all(account, scope.region, self._side_by_side)
            except Exception as error:  # whatever is wrong with one scope concerns no other
                self._sink.failed(scope, _reason(error, str(scope)))
                return None
            if not resources:
                return scope
            self._sink.collected(scope, resources)
            return None

    def _side_by_side(self, calls: Iterable[Callable[[], None]]) -> None:
        """Make calls, with the help of whoever is free; raises the first error, and makes no more then."""
        left = deque(calls)

        def work() -> None:
            while True:
                try:
                    call = left.popleft()
                except IndexError:
                    return
                try:
                    call()
                except BaseException:
                    left.clear()
                    raise

        helping = [self._helpers.submit(work) for _ in range(min(len(left) - 1, CONNECTIONS // 2))]
        try:
            work()
        finally:
            helped = [help_ for help_ in helping if not help_.cancel()]
            wait(helped)
        for help_ in helped:
            help_.result()


def _reason(error: Exception, place: str) -> str:
    """The error as one line; one that is no answer of AWS is logged with its traceback."""
    if isinstance(error, ProviderError):
        return one_line(str(error))
    _LOG.error("%s could not be read", place, exc_info=error)
    return one_line(f"{type(error).__name__}: {error}")
