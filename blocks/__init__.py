"""The plugs: one Prefect block per outside system, and the catalogue's tables. Ground floor: imports nothing of ours."""
