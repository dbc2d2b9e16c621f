"""Past versions of resources and edges instead of differences, and indexes for searches of many resources."""

from alembic import op

revision = "0003"
down_revision = "0002"

_RESOURCES = (
    "DROP INDEX inventory.resources_words",
    "DROP INDEX inventory.resources_kind_id_idx",
    "DROP INDEX inventory.resources_kind_name_idx",
    "DROP INDEX inventory.resources_kind_expr_idx",
    """
    ALTER TABLE inventory.resources
        ADD COLUMN born timestamptz NOT NULL GENERATED ALWAYS AS (coalesce(ctime, first_seen)) STORED
    """,
    "CREATE INDEX resources_id ON inventory.resources (id)",
    "CREATE INDEX resources_name ON inventory.resources (name)",
    """
    CREATE INDEX resources_arn ON inventory.resources ((reported ->> 'arn'))
    WHERE reported ->> 'arn' IS NOT NULL
    """,
    "CREATE INDEX resources_born ON inventory.resources (kind, born)",
    # New entries wait in a list until it is this long or a collect has ended, so that merging is fast.
    """
    CREATE INDEX resources_reported ON inventory.resources USING gin (reported jsonb_path_ops)
    WITH (gin_pending_list_limit = 262144)
    """,
    # A look at the scope for each row would cost a fifth of a merge, which locks the scope anyway.
    "ALTER TABLE inventory.resources DROP CONSTRAINT resources_scope_id_fkey",
    """
    CREATE TABLE inventory.words (
        node_id uuid PRIMARY KEY,
        words tsvector NOT NULL
    )
    """,
    "CREATE INDEX words_words ON inventory.words USING gin (words)",
    # Whether every resource of the scope has its words; those that lack them are searched one by one.
    "ALTER TABLE inventory.scopes ADD COLUMN worded boolean NOT NULL DEFAULT false",
    "CREATE INDEX scopes_unworded ON inventory.scopes (scope_id) WHERE NOT worded",
)

_EDGES = (
    """
    CREATE TABLE inventory.deferred_edges (
        owner uuid NOT NULL,
        scope_id integer NOT NULL,
        type text NOT NULL CHECK (type IN ('default', 'delete')),
        outgoing boolean NOT NULL,
        kind text NOT NULL,             -- the other end as the owner knows it
        key text NOT NULL CHECK (key IN ('id', 'arn', 'name')),
        value text NOT NULL,
        candidates integer NOT NULL DEFAULT 0
    )
    """,
    """
    INSERT INTO inventory.deferred_edges
    SELECT owner, scope_id, type, outgoing, kind, key, value, candidates FROM inventory.edges
    WHERE src IS NULL OR dst IS NULL
    """,
    "CREATE INDEX deferred_edges_scope ON inventory.deferred_edges (scope_id)",
    "DELETE FROM inventory.edges WHERE src IS NULL OR dst IS NULL",
    "ALTER TABLE inventory.edges DROP CONSTRAINT edges_scope_id_fkey",
    "ALTER TABLE inventory.edges DROP COLUMN edge_id, DROP COLUMN candidates, DROP COLUMN owner",
    "ALTER TABLE inventory.edges ALTER COLUMN src SET NOT NULL, ALTER COLUMN dst SET NOT NULL",
    "ALTER TABLE inventory.edges ADD COLUMN since timestamptz NOT NULL DEFAULT now()",
    "ALTER TABLE inventory.edges ALTER COLUMN since DROP DEFAULT",
    "DROP INDEX inventory.edges_src_type_idx",
    "DROP INDEX inventory.edges_dst_type_idx",
    "CREATE INDEX edges_src ON inventory.edges (src, type, dst)",
    "CREATE INDEX edges_dst ON inventory.edges (dst, type, src)",
    """
    CREATE TABLE inventory.past_edges (
        src uuid NOT NULL,
        dst uuid NOT NULL,
        type text NOT NULL,
        since timestamptz NOT NULL,
        until timestamptz NOT NULL
    )
    """,
    "CREATE INDEX past_edges_until ON inventory.past_edges (until)",
    "CREATE INDEX past_edges_src ON inventory.past_edges (src)",
    "CREATE INDEX past_edges_dst ON inventory.past_edges (dst)",
)

_VERSION = (
    "node_id, scope_id, kind, id, name, region, reported, ctime, mtime, expires_at, expires_after, first_seen"
)

_HISTORY = (
    "ALTER TABLE inventory.history RENAME TO differences",
    "DROP INDEX inventory.history_node_id_at_idx",
    "DROP INDEX inventory.history_at_idx",
    """
    CREATE TABLE inventory.history (
        history_id bigint GENERATED ALWAYS AS IDENTITY,
        at timestamptz NOT NULL,        -- when this version ended
        run_id text NOT NULL,           -- of the collect or cleanup that saw it end
        change text NOT NULL CHECK (change IN ('updated', 'deleted')),
        since timestamptz NOT NULL,     -- when this version began
        node_id uuid NOT NULL,
        scope_id integer NOT NULL,
        kind text NOT NULL,
        id text NOT NULL,
        name text NOT NULL,
        region text NOT NULL,
        reported jsonb NOT NULL,
        ctime timestamptz,
        mtime timestamptz,
        expires_at timestamptz,
        expires_after interval,
        first_seen timestamptz NOT NULL
    )
    """,
    # A version is the present one or that of the next deletion, with what the updates in between replaced.
    f"""
    INSERT INTO inventory.history (at, run_id, change, since, {_VERSION})
    SELECT d.at, d.run_id, d.change, coalesce(previous.at, born.at, r.first_seen, d.at), d.node_id,
        d.scope_id, d.kind, d.id, coalesce(version.reported ->> 'name', d.id), coalesce(r.region, s.region),
        version.reported, CAST(version.reported ->> 'ctime' AS timestamptz),
        CAST(version.reported ->> 'mtime' AS timestamptz), NULL, NULL,
        coalesce(born.at, previous.at, r.first_seen, d.at)
    FROM inventory.differences d
    JOIN inventory.scopes s USING (scope_id)
    LEFT JOIN inventory.resources r ON r.node_id = d.node_id
    LEFT JOIN LATERAL (
        SELECT l.history_id, l.before FROM inventory.differences l
        WHERE l.node_id = d.node_id AND l.history_id >= d.history_id AND l.change = 'deleted'
        ORDER BY l.history_id LIMIT 1
    ) gone ON true
    LEFT JOIN LATERAL (
        SELECT max(l.at) AS at FROM inventory.differences l
        WHERE l.node_id = d.node_id AND l.history_id < d.history_id
    ) previous ON true
    LEFT JOIN LATERAL (
        SELECT max(l.at) AS at FROM inventory.differences l
        WHERE l.node_id = d.node_id AND l.history_id < d.history_id AND l.change = 'created'
    ) born ON true
    CROSS JOIN LATERAL (
        SELECT coalesce(gone.before, r.reported, '{{}}') || coalesce(
            jsonb_object_agg(replaced.key, replaced.value ORDER BY l.history_id DESC)
                FILTER (WHERE replaced.key IS NOT NULL),
            '{{}}'
        ) AS reported
        FROM inventory.differences l LEFT JOIN LATERAL jsonb_each(l.before) replaced ON l.change = 'updated'
        WHERE l.node_id = d.node_id AND l.history_id >= d.history_id
            AND (gone.history_id IS NULL OR l.history_id <= gone.history_id)
    ) version
    WHERE d.change <> 'created'
    ORDER BY d.history_id
    """,  # noqa: S608
    "DROP TABLE inventory.differences",
    "CREATE INDEX history_node ON inventory.history (node_id, at)",
    "CREATE INDEX history_at ON inventory.history (at)",
)

_SEARCHES = (
    """
    CREATE FUNCTION inventory.matching(searched tsquery) RETURNS SETOF uuid
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
        SELECT node_id FROM inventory.words WHERE words @@ searched
        UNION ALL
        SELECT r.node_id FROM inventory.scopes s
        JOIN inventory.resources r ON r.scope_id = s.scope_id
        LEFT JOIN inventory.words w ON w.node_id = r.node_id
        WHERE NOT s.worded AND w.node_id IS NULL AND inventory.words(r.reported) @@ searched
    $$
    """,
    """
    CREATE FUNCTION inventory.resources_at(moment timestamptz) RETURNS TABLE (
        node_id uuid, scope_id integer, kind text, id text, name text, region text, reported jsonb,
        ctime timestamptz, mtime timestamptz, atime timestamptz, expires_at timestamptz,
        expires_after interval, first_seen timestamptz, changed_at timestamptz, born timestamptz, past boolean
    ) LANGUAGE sql STABLE PARALLEL SAFE AS $$
        SELECT node_id, scope_id, kind, id, name, region, reported, ctime,
            CASE WHEN mtime <= moment THEN mtime END, CASE WHEN atime <= moment THEN atime END,
            expires_at, expires_after, first_seen, changed_at, born, false
        FROM inventory.resources WHERE changed_at <= moment
        UNION ALL
        SELECT node_id, scope_id, kind, id, name, region, reported, ctime, mtime, NULL, expires_at,
            expires_after, first_seen, since, coalesce(ctime, first_seen), true
        FROM inventory.history WHERE since <= moment AND at > moment
    $$
    """,
    # A change is a version that began, or the last one, that ended.
    f"""
    CREATE VIEW inventory.changes AS
        SELECT {_VERSION}, atime, changed_at, born, changed_at AS happened_at,
            CASE changed_at WHEN first_seen THEN 'node_created' ELSE 'node_updated' END AS change
        FROM inventory.resources
        UNION ALL
        SELECT {_VERSION}, NULL, since, coalesce(ctime, first_seen), since,
            CASE since WHEN first_seen THEN 'node_created' ELSE 'node_updated' END
        FROM inventory.history
        UNION ALL
        SELECT {_VERSION}, NULL, since, coalesce(ctime, first_seen), at, 'node_deleted'
        FROM inventory.history WHERE change = 'deleted'
    """,  # noqa: S608
    """
    CREATE FUNCTION inventory.differing(one jsonb, other jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(one)
        WHERE other -> key IS DISTINCT FROM value
    $$
    """,
    """
    CREATE FUNCTION inventory.edges_at(moment timestamptz) RETURNS TABLE (src uuid, dst uuid, type text)
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
        SELECT src, dst, type FROM inventory.edges WHERE since <= moment
        UNION ALL
        SELECT src, dst, type FROM inventory.past_edges WHERE since <= moment AND until > moment
    $$
    """,
)


_PEOPLE = (
    """
    CREATE TABLE inventory.annotations (
        node_id uuid NOT NULL,
        section text NOT NULL CHECK (section IN ('desired', 'metadata')),
        name text NOT NULL,
        value jsonb NOT NULL,
        author text NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (node_id, section, name)
    )
    """,
    """
    CREATE TABLE inventory.snapshots (
        name text PRIMARY KEY,
        at timestamptz NOT NULL,
        schedule text                   -- null: a person took it, and it stays until a person deletes it
    )
    """,
    # Of which version of its provider's declarations the properties are; null: they are not known.
    "ALTER TABLE inventory.kinds ADD COLUMN version text",
    """
    CREATE TABLE inventory.properties (
        name text NOT NULL,
        kind text NOT NULL,
        type text NOT NULL,
        PRIMARY KEY (name, kind)
    )
    """,
)


# The identities of resources follow from other bytes than before; marks and journals must find theirs again.
_IDENTITIES = (
    """
    CREATE TEMPORARY TABLE identities ON COMMIT DROP AS
    SELECT DISTINCT ON (node_id) node_id AS old, CAST(encode(
        substr(sha256(convert_to(place, 'UTF8')), 1, 8)
        || substr(sha256(convert_to(place || chr(31) || id, 'UTF8')), 1, 8), 'hex') AS uuid) AS new
    FROM (
        SELECT node_id, id, concat_ws(chr(31), s.provider, s.account, s.region, s.kind) AS place
        FROM (
            SELECT node_id, id, scope_id FROM inventory.resources
            UNION SELECT node_id, id, scope_id FROM inventory.history
        ) known JOIN inventory.scopes s USING (scope_id)
        UNION SELECT node_id, id, concat_ws(chr(31), provider, account, scope_region, kind)
        FROM inventory.plan_items
    ) every
    """,
    "CREATE UNIQUE INDEX ON identities (old)",
    *(
        f"UPDATE inventory.{table} t SET {column} = i.new FROM identities i WHERE i.old = t.{column}"  # noqa: S608
        for table, column in (
            ("resources", "node_id"),
            ("history", "node_id"),
            ("marks", "node_id"),
            ("plan_items", "node_id"),
            ("journal", "node_id"),
            ("edges", "src"),
            ("edges", "dst"),
            ("deferred_edges", "owner"),
        )
    ),
    """
    UPDATE inventory.plan_items SET
        waits_for = ARRAY(
            SELECT coalesce(i.new, w.node) FROM unnest(waits_for) w(node)
            LEFT JOIN identities i ON i.old = w.node
        ),
        takes_along = coalesce((
            SELECT jsonb_agg(jsonb_set(a.one, '{0}', to_jsonb(coalesce(CAST(i.new AS text), a.one ->> 0))))
            FROM jsonb_array_elements(takes_along) a(one)
            LEFT JOIN identities i ON CAST(i.old AS text) = a.one ->> 0
        ), '[]')
    """,
)


def upgrade() -> None:
    """Change the tables and keep what they hold."""
    for statement in (*_RESOURCES, *_EDGES, *_HISTORY, *_SEARCHES, *_PEOPLE, *_IDENTITIES):
        op.execute(statement)


_BACK = (
    "ALTER TABLE inventory.kinds DROP COLUMN version",
    "DROP TABLE inventory.properties",
    "DROP TABLE inventory.annotations, inventory.snapshots",
    "DROP VIEW inventory.changes",
    "DROP FUNCTION inventory.differing(jsonb, jsonb)",
    "DROP FUNCTION inventory.matching(tsquery)",
    "DROP FUNCTION inventory.edges_at(timestamptz)",
    "DROP FUNCTION inventory.resources_at(timestamptz)",
    "DROP TABLE inventory.words",
    "ALTER TABLE inventory.scopes DROP COLUMN worded",
    "DROP INDEX inventory.resources_id, inventory.resources_name, inventory.resources_arn",
    "DROP INDEX inventory.resources_born, inventory.resources_reported",
    "ALTER TABLE inventory.resources DROP COLUMN born",
    "CREATE INDEX ON inventory.resources (kind, id)",
    "CREATE INDEX ON inventory.resources (kind, name)",
    "CREATE INDEX ON inventory.resources (kind, (reported ->> 'arn'))",
    "CREATE INDEX resources_words ON inventory.resources USING gin (inventory.words(reported))",
    "DROP INDEX inventory.edges_src, inventory.edges_dst",
    """
    ALTER TABLE inventory.edges ALTER COLUMN src DROP NOT NULL, ALTER COLUMN dst DROP NOT NULL,
        DROP COLUMN since,
        ADD COLUMN edge_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        ADD COLUMN candidates integer NOT NULL DEFAULT 0,
        ADD COLUMN owner uuid
    """,
    "UPDATE inventory.edges SET owner = CASE WHEN outgoing THEN src ELSE dst END",
    """
    INSERT INTO inventory.edges (owner, scope_id, type, outgoing, kind, key, value, candidates, src, dst)
    SELECT owner, scope_id, type, outgoing, kind, key, value, candidates,
        CASE WHEN outgoing THEN owner END, CASE WHEN NOT outgoing THEN owner END
    FROM inventory.deferred_edges
    """,
    "ALTER TABLE inventory.edges ALTER COLUMN owner SET NOT NULL",
    "CREATE INDEX ON inventory.edges (owner)",
    "CREATE INDEX ON inventory.edges (src, type)",
    "CREATE INDEX ON inventory.edges (dst, type)",
    "CREATE INDEX ON inventory.edges (key) WHERE src IS NULL OR dst IS NULL",
    "DROP TABLE inventory.deferred_edges, inventory.past_edges, inventory.history",
    """
    CREATE TABLE inventory.history (
        history_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL,
        run_id text NOT NULL,
        scope_id integer NOT NULL REFERENCES inventory.scopes,
        node_id uuid NOT NULL,
        kind text NOT NULL,
        id text NOT NULL,
        change text NOT NULL CHECK (change IN ('created', 'updated', 'deleted')),
        before jsonb,
        after jsonb
    )
    """,
    "CREATE INDEX ON inventory.history (node_id, at)",
    "CREATE INDEX ON inventory.history (at)",
)


def downgrade() -> None:
    """Give the tables their former shape. What changed in the past is forgotten."""
    for statement in _BACK:
        op.execute(statement)
