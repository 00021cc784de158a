"""What the worker does, with asyncio and no vendor."""
