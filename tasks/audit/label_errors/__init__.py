"""Labels that are likely wrong: found by several scores, merged, recorded."""
