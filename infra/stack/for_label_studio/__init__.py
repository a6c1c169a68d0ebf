"""What Label Studio's own Python loads: this folder, and nothing else of ours, is on its path."""
