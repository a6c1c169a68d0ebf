"""The plugs: one Prefect block per outside system, and the catalogue's tables. Imports nothing else of ours."""
