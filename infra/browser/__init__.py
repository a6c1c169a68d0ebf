"""What a person sees: a headless browser that logs in, looks and takes pictures."""
