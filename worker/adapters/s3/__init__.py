"""S3: the store of sources and targets."""
