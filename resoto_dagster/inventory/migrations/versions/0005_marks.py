"""Marks may be a rule's, and may end by themselves."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Know the source `rule`, and until when a mark counts."""
    _sources("'person', 'planner', 'hook', 'rule'")
    op.execute("ALTER TABLE inventory.marks ADD COLUMN until timestamptz")


def downgrade() -> None:
    """Forget both, with the marks that rules made; what was kept for a while is kept for good."""
    op.execute("ALTER TABLE inventory.marks DROP COLUMN until")
    op.execute("DELETE FROM inventory.marks WHERE source = 'rule'")
    _sources("'person', 'planner', 'hook'")


def _sources(names: str) -> None:
    op.execute("ALTER TABLE inventory.marks DROP CONSTRAINT marks_source_check")
    op.execute(f"ALTER TABLE inventory.marks ADD CONSTRAINT marks_source_check CHECK (source IN ({names}))")
