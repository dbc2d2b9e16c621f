"""What should go, and deleting it: planners mark, the plan decides and orders, the executor journals."""
