"""`make cold-start`: from no weights at all to a detector, and what it takes people."""
