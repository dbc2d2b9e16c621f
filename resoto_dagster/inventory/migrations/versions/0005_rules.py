"""Marks may be a rule's."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Know the source `rule`."""
    _sources("'person', 'planner', 'hook', 'rule'")


def downgrade() -> None:
    """Forget it, with the marks that rules made."""
    op.execute("DELETE FROM inventory.marks WHERE source = 'rule'")
    _sources("'person', 'planner', 'hook'")


def _sources(names: str) -> None:
    op.execute("ALTER TABLE inventory.marks DROP CONSTRAINT marks_source_check")
    op.execute(f"ALTER TABLE inventory.marks ADD CONSTRAINT marks_source_check CHECK (source IN ({names}))")
