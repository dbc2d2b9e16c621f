"""What an estate is made of: resources, kinds, edges, durations. No I/O, no Dagster, no database."""
