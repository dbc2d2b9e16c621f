"""Resoto's search language: a grammar, the query it gives, and the one SQL statement that answers it."""
