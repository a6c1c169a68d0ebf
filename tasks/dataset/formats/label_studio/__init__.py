"""Label Studio, read and written."""
