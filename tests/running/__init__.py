"""What needs all servers of a stack running: one is started for all of these tests, and one process runs them."""
