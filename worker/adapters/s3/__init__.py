"""S3: where sources and targets are."""
