"""The words of resources, with an index, for searches by full text."""

from alembic import op

revision = "0002"
down_revision = "0001"

# More than so many characters could be more than Postgres takes for one resource, and its merge would fail.
_STATEMENTS = (
    r"""
    CREATE FUNCTION inventory.words(reported jsonb) RETURNS tsvector
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT to_tsvector(
            'pg_catalog.simple',
            regexp_replace(left(string_agg(v #>> '{}', ' '), 200000), '[^[:alnum:]]+', ' ', 'g')
        )
        FROM jsonb_path_query(reported, 'strict $.**') v
        WHERE jsonb_typeof(v) IN ('string', 'number')
    $$
    """,
    r"""
    CREATE FUNCTION inventory.phrase(searched text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT phraseto_tsquery(
            'pg_catalog.simple', regexp_replace(searched, '[^[:alnum:]]+', ' ', 'g')
        )
    $$
    """,
    "CREATE INDEX resources_words ON inventory.resources USING gin (inventory.words(reported))",
)


def upgrade() -> None:
    """Make the functions and the index."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP INDEX inventory.resources_words")
    op.execute("DROP FUNCTION inventory.words(jsonb)")
    op.execute("DROP FUNCTION inventory.phrase(text)")
