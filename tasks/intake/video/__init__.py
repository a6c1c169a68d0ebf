"""Videos: files whose frames become items."""
