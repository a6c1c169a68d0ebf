"""Tiled detection beside SAHI and supervision: `python -m tests.bench.tiles`, see `__main__.py`."""
