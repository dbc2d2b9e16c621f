"""Alembic's environment: migrates over the connection that `inventory.schema.migrate` hands over."""

from alembic import context

from resoto_dagster.inventory.schema import SCHEMA

context.configure(connection=context.config.attributes["connection"], version_table_schema=SCHEMA)
with context.begin_transaction():
    context.run_migrations()
