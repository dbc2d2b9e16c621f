"""How often the APIs of providers were asked so far, and what came of it."""

from collections.abc import Mapping

from sqlalchemy import Connection, text

from resoto_dagster.model.requests import Asked


def count_requests(connection: Connection, provider: str, requests: Mapping[Asked, int]) -> None:
    """Add requests to those of a provider so far."""
    if not requests:
        return
    connection.execute(
        text(
            """
            INSERT INTO inventory.api_requests AS known (provider, account, service, outcome, requests)
            VALUES (:provider, :account, :service, :outcome, :requests)
            ON CONFLICT (provider, account, service, outcome)
                DO UPDATE SET requests = known.requests + excluded.requests
            """
        ),
        [
            {
                "provider": provider,
                "account": account,
                "service": service,
                "outcome": outcome,
                "requests": count,
            }
            for (account, service, outcome), count in sorted(
                (
                    ((asked.account or "", asked.service, asked.outcome), count)
                    for asked, count in requests.items()
                )
            )
        ],
    )
