"""The events that a run was launched for, until it has collected what they touched."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table."""
    op.execute(
        """
        CREATE TABLE inventory.event_batches (
            provider text NOT NULL,
            batch text NOT NULL,            -- the same for the same events, whenever they are delivered
            received_at timestamptz NOT NULL,
            receipts text[] NOT NULL,       -- by which the source forgets them
            names jsonb NOT NULL,           -- of the events, with their counts
            scopes jsonb NOT NULL,          -- account, region and kind of what they touched
            PRIMARY KEY (provider, batch)
        )
        """
    )


def downgrade() -> None:
    """Drop the table. The events in it come again, since no run has forgotten them."""
    op.execute("DROP TABLE inventory.event_batches")
