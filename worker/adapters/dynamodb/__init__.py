"""DynamoDB: the job table."""
