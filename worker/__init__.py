"""A worker that converts audio from S3 to S3, fed by SQS, with progress in Redis and DynamoDB."""

__version__ = "0.1.0"
