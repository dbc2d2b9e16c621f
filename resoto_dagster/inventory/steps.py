"""When the steps of the workflow began and succeeded last."""

from sqlalchemy import Connection, text


def step_begins(connection: Connection, step: str, root_run_id: str) -> None:
    """Write down that a step of a workflow begins now."""
    connection.execute(
        text(
            """
            INSERT INTO inventory.steps (step, run_id, started_at) VALUES (:step, :run_id, clock_timestamp())
            ON CONFLICT (step) DO UPDATE SET run_id = excluded.run_id, started_at = excluded.started_at
            """
        ),
        {"step": step, "run_id": root_run_id},
    )


def step_succeeded(connection: Connection, step: str, root_run_id: str) -> None:
    """Write down that a step has succeeded, and how long that took where it began in the same workflow."""
    connection.execute(
        text(
            """
            UPDATE inventory.steps SET succeeded_at = clock_timestamp(),
                seconds = CASE WHEN run_id = :run_id
                    THEN extract(epoch FROM clock_timestamp() - started_at) ELSE seconds END
            WHERE step = :step
            """
        ),
        {"step": step, "run_id": root_run_id},
    )
