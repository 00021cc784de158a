"""SNS: the topic of completion events."""
