"""What `make demo` and `make real` need: drawn scenes, a starter detector, and the run that measures the whole line."""
