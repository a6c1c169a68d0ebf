"""YOLO, read and written."""
