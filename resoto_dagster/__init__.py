"""Resoto's workflow as a Dagster project: collect, plan, clean up and measure a cloud estate."""
