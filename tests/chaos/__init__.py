"""The proof that questions and answers survive faults: a real Label Studio, real kills, and books compared."""
