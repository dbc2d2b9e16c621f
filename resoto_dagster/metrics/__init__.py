"""Metrics: numbers that searches define, generated once per state of the inventory, served to Prometheus."""
