"""The stations: one folder each; `steps.py` holds the thin Prefect tasks, every other file is plain Python."""
