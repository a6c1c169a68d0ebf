"""What the pages in `docs/` take from the code, so that they cannot say anything else than it does."""
