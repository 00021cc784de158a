"""The outside world, one vendor a package."""
