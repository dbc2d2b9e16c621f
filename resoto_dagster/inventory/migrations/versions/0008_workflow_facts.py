"""What the workflow's own metrics are about: its steps, requests to APIs, and snapshots that tell more."""

from alembic import op

revision = "0008"
down_revision = "0007"

_STATEMENTS = (
    """
    CREATE TABLE inventory.steps (
        step text PRIMARY KEY,
        run_id text NOT NULL,           -- of the workflow that began it last, its first run
        started_at timestamptz NOT NULL,
        succeeded_at timestamptz,
        seconds double precision        -- that the last success took, hooks included
    )
    """,
    """
    CREATE TABLE inventory.api_requests (
        provider text NOT NULL,
        account text NOT NULL,          -- empty where it is not known yet which one it is
        service text NOT NULL,
        outcome text NOT NULL,
        requests bigint NOT NULL,       -- since the first one, never less
        PRIMARY KEY (provider, account, service, outcome)
    )
    """,
    """
    ALTER TABLE inventory.metrics
        ADD COLUMN measured_at timestamptz,                 -- when the inventory was measured
        ADD COLUMN scans integer NOT NULL DEFAULT 0,        -- of the inventory, that this took
        ADD COLUMN seconds double precision NOT NULL DEFAULT 0,
        ADD COLUMN totals jsonb NOT NULL DEFAULT '{}',      -- by metric the sum of its samples
        ADD COLUMN workflow jsonb NOT NULL DEFAULT '[]'     -- families, of when the snapshot was generated
    """,
    "UPDATE inventory.metrics SET measured_at = generated_at",
    "ALTER TABLE inventory.metrics ALTER COLUMN measured_at SET NOT NULL",
)


def upgrade() -> None:
    """Make the tables and columns."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop them, and forget what they held."""
    op.execute("DROP TABLE inventory.steps, inventory.api_requests")
    op.execute(
        "ALTER TABLE inventory.metrics DROP COLUMN measured_at, DROP COLUMN scans, DROP COLUMN seconds, "
        "DROP COLUMN totals, DROP COLUMN workflow"
    )
