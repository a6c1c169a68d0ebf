"""Station `dataset`: splits, snapshots, formats."""
