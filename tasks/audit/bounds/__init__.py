"""The statistics behind a certified threshold: betting bounds, evidence, scopes."""
