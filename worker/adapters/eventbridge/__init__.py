"""EventBridge: the bus of completion events."""
