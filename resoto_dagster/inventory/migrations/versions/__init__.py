"""The inventory's schema, step by step."""
