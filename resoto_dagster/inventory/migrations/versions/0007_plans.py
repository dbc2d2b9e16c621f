"""Plans know what they save, what a person must approve, what is untied, and their rules."""

from alembic import op

revision = "0007"
down_revision = "0006"

_EVENTS = "'intended', 'answered', 'gone', 'kept', 'failed', 'skipped', 'would_delete'"


def upgrade() -> None:
    """Add costs, rules and untying to plans and the journal, and the approvals."""
    op.execute(
        """
        ALTER TABLE inventory.plans
            ADD COLUMN waits text,                          -- why a person must approve it first
            ADD COLUMN rules jsonb NOT NULL DEFAULT '{}'    -- the rules that marked, as they were, by name
        """
    )
    op.execute(
        """
        ALTER TABLE inventory.plan_items
            ADD COLUMN monthly_cost double precision,       -- US dollars; null: not known
            ADD COLUMN unties uuid[] NOT NULL DEFAULT '{}'  -- what must let go of it first
        """
    )
    _events(f"{_EVENTS}, 'untied'")
    # What a resource was like after it had let go of another one.
    op.execute("ALTER TABLE inventory.journal ADD COLUMN fingerprint bytea")
    op.execute(
        """
        CREATE TABLE inventory.approvals (
            plan_id bigint PRIMARY KEY REFERENCES inventory.plans,
            decision text NOT NULL CHECK (decision IN ('approved', 'rejected')),
            author text NOT NULL,
            reason text NOT NULL,
            at timestamptz NOT NULL
        )
        """
    )


def downgrade() -> None:
    """Forget all of it."""
    op.execute("DROP TABLE inventory.approvals")
    op.execute("DELETE FROM inventory.journal WHERE event = 'untied'")
    op.execute("ALTER TABLE inventory.journal DROP COLUMN fingerprint")
    _events(_EVENTS)
    op.execute("ALTER TABLE inventory.plan_items DROP COLUMN monthly_cost, DROP COLUMN unties")
    op.execute("ALTER TABLE inventory.plans DROP COLUMN waits, DROP COLUMN rules")


def _events(names: str) -> None:
    op.execute("ALTER TABLE inventory.journal DROP CONSTRAINT journal_event_check")
    op.execute(f"ALTER TABLE inventory.journal ADD CONSTRAINT journal_event_check CHECK (event IN ({names}))")
