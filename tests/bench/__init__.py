"""Benches: what the numbers in docs/benchmarks.md were measured with."""
