"""Where bytes lie: folders, S3, signed links, files from outside."""
