"""Pictures in archives, read where they are: nothing is unpacked to the disk."""
