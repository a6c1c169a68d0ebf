"""COCO, read and written."""
