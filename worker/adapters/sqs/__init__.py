"""SQS: the queue that jobs come from, and its dead-letter queue."""
