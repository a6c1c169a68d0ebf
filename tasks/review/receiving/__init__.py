"""What comes from Label Studio: annotations, read once, each part of them kept."""
