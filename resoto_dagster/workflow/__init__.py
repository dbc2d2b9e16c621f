"""The state machine as Dagster: steps, gates, hooks, jobs and the schedule."""
