"""Who was told that something will be deleted, of which mark, and when."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables."""
    op.execute(
        """
        CREATE TABLE inventory.notices (
            notice_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            owner text NOT NULL,
            sent_at timestamptz NOT NULL,
            token bytea UNIQUE              -- the hash of what is in the message's link; null: no link
        )
        """
    )
    op.execute(
        """
        CREATE TABLE inventory.announcements (
            node_id uuid NOT NULL,
            source text NOT NULL,           -- of the mark, like author
            author text NOT NULL,
            announced_at timestamptz NOT NULL,
            notice_id bigint REFERENCES inventory.notices ON DELETE SET NULL,  -- null: by the plan alone
            PRIMARY KEY (node_id, source, author)
        )
        """
    )
    op.execute("CREATE INDEX ON inventory.announcements (notice_id)")


def downgrade() -> None:
    """Drop both: links that were sent are not known any more, and all is announced anew."""
    op.execute("DROP TABLE inventory.announcements")
    op.execute("DROP TABLE inventory.notices")
