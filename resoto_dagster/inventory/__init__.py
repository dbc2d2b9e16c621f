"""The inventory graph in Postgres: facts by scope, edges, marks, history, and the searches on them."""
