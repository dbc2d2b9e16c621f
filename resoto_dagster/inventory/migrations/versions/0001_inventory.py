"""The inventory, its marks and history, the workflow's actions, plans with their journal, and metrics."""

from alembic import op

revision = "0001"
down_revision = None

_STATEMENTS = (
    """
    CREATE TABLE inventory.kinds (
        kind text PRIMARY KEY,
        provider text NOT NULL,
        bases text[] NOT NULL,          -- all of them, and the kind itself
        deletable boolean NOT NULL
    )
    """,
    """
    CREATE TABLE inventory.accounts (
        provider text NOT NULL,
        account text NOT NULL,
        name text,
        state text NOT NULL CHECK (state IN ('collecting', 'fresh', 'failed')),
        error text,
        run_id text NOT NULL,
        attempted_at timestamptz NOT NULL,
        PRIMARY KEY (provider, account)
    )
    """,
    """
    CREATE TABLE inventory.scopes (
        scope_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        provider text NOT NULL,
        account text NOT NULL,
        region text NOT NULL,
        kind text NOT NULL,
        state text NOT NULL CHECK (state IN ('collecting', 'fresh', 'failed')),
        error text,
        run_id text NOT NULL,           -- of the last attempt
        attempted_at timestamptz NOT NULL,
        succeeded_at timestamptz,
        resources integer NOT NULL DEFAULT 0,
        added integer NOT NULL DEFAULT 0,    -- by the last success, like the next two
        changed integer NOT NULL DEFAULT 0,
        removed integer NOT NULL DEFAULT 0,
        version bytea,                  -- of the content: equal content, equal version
        UNIQUE (provider, account, region, kind)
    )
    """,
    """
    CREATE TABLE inventory.resources (
        node_id uuid PRIMARY KEY,
        scope_id integer NOT NULL REFERENCES inventory.scopes,
        kind text NOT NULL,
        id text NOT NULL,
        name text NOT NULL,
        region text NOT NULL,
        reported jsonb NOT NULL,
        ctime timestamptz,
        mtime timestamptz,
        atime timestamptz,
        expires_at timestamptz,
        expires_after interval,         -- counts from ctime, else from first_seen
        tag_problem text,
        hash bytea NOT NULL,
        first_seen timestamptz NOT NULL,
        changed_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX ON inventory.resources (scope_id)",
    "CREATE INDEX ON inventory.resources (kind, id)",
    "CREATE INDEX ON inventory.resources (kind, name)",
    "CREATE INDEX ON inventory.resources (kind, (reported ->> 'arn'))",
    """
    CREATE TABLE inventory.edges (
        edge_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        owner uuid NOT NULL,
        scope_id integer NOT NULL REFERENCES inventory.scopes,
        type text NOT NULL CHECK (type IN ('default', 'delete')),
        outgoing boolean NOT NULL,
        kind text NOT NULL,             -- the other end as the owner knows it
        key text NOT NULL CHECK (key IN ('id', 'arn', 'name')),
        value text NOT NULL,
        src uuid,                       -- null while the other end is not found: the edge is deferred
        dst uuid,
        candidates integer NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX ON inventory.edges (owner)",
    "CREATE INDEX ON inventory.edges (src, type)",
    "CREATE INDEX ON inventory.edges (dst, type)",
    "CREATE INDEX ON inventory.edges (key) WHERE src IS NULL OR dst IS NULL",
    """
    CREATE TABLE inventory.marks (
        node_id uuid NOT NULL,
        mark text NOT NULL CHECK (mark IN ('clean', 'protected')),
        source text NOT NULL CHECK (source IN ('person', 'planner', 'hook')),
        author text NOT NULL,
        reason text NOT NULL,
        at timestamptz NOT NULL,
        root_run_id text,
        PRIMARY KEY (node_id, mark, source, author)
    )
    """,
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
        before jsonb,                   -- updated: what changed, as it was; deleted: all of it
        after jsonb                     -- updated: what changed, as it is now
    )
    """,
    "CREATE INDEX ON inventory.history (node_id, at)",
    "CREATE INDEX ON inventory.history (at)",
    """
    CREATE TABLE inventory.actions (
        action_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        root_run_id text NOT NULL,
        run_id text NOT NULL,
        action text NOT NULL,
        emitted_at timestamptz NOT NULL,
        deadline timestamptz NOT NULL,
        subscribers text[] NOT NULL,    -- the hooks that sensors shall launch
        completed_at timestamptz
    )
    """,
    "CREATE INDEX ON inventory.actions (root_run_id, action)",
    """
    CREATE TABLE inventory.hook_outcomes (
        action_id bigint NOT NULL REFERENCES inventory.actions,
        hook text NOT NULL,
        required boolean NOT NULL,
        outcome text NOT NULL CHECK (outcome IN ('success', 'failure', 'timeout', 'not_run')),
        run_id text,
        seconds double precision,
        error text,
        PRIMARY KEY (action_id, hook)
    )
    """,
    """
    CREATE TABLE inventory.plans (
        plan_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        root_run_id text NOT NULL,
        run_id text NOT NULL,
        created_at timestamptz NOT NULL,
        hash bytea NOT NULL,
        held text,                      -- why none of it may be done
        notes text[] NOT NULL           -- what could not be reasoned about
    )
    """,
    "CREATE INDEX ON inventory.plans (root_run_id)",
    """
    CREATE TABLE inventory.plan_items (
        plan_id bigint NOT NULL REFERENCES inventory.plans,
        position integer NOT NULL,
        node_id uuid NOT NULL,
        provider text NOT NULL,
        account text NOT NULL,
        account_name text,
        scope_region text NOT NULL,
        region text NOT NULL,
        kind text NOT NULL,
        id text NOT NULL,
        name text NOT NULL,
        reason text NOT NULL,
        author text NOT NULL,
        born timestamptz NOT NULL,      -- ctime, or when it was first seen
        wave integer,                   -- null: it is kept
        kept text,                      -- why it is kept
        waits_for uuid[] NOT NULL,      -- what must be gone first
        takes_along jsonb NOT NULL,     -- node_id, scope and id of what goes with it
        fingerprint bytea NOT NULL,
        reported jsonb NOT NULL,
        PRIMARY KEY (plan_id, position),
        UNIQUE (plan_id, node_id),
        CHECK ((wave IS NULL) <> (kept IS NULL))
    )
    """,
    """
    CREATE TABLE inventory.journal (
        journal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        plan_id bigint NOT NULL REFERENCES inventory.plans,
        node_id uuid NOT NULL,
        run_id text NOT NULL,
        event text NOT NULL CHECK (
            event IN ('intended', 'answered', 'gone', 'kept', 'failed', 'skipped', 'would_delete')
        ),
        at timestamptz NOT NULL,
        detail text NOT NULL,
        request_ids text[] NOT NULL
    )
    """,
    "CREATE INDEX ON inventory.journal (plan_id, node_id)",
    "CREATE INDEX ON inventory.journal (node_id)",
    """
    CREATE TABLE inventory.metrics (
        snapshot_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        generated_at timestamptz NOT NULL,
        inventory_version text NOT NULL,
        definitions_version text NOT NULL,
        families jsonb NOT NULL
    )
    """,
)


def upgrade() -> None:
    """Make all tables."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop everything; the schema itself stays, Alembic's own table is in it."""
    for table in (
        *("metrics", "journal", "plan_items", "plans", "hook_outcomes", "actions", "history", "marks"),
        *("edges", "resources", "scopes", "accounts", "kinds"),
    ):
        op.execute(f"DROP TABLE inventory.{table}")
