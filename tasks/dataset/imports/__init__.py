"""Labels from elsewhere, brought into a collection as truth or as proposals."""
