"""Writing and reading progress, through outages of either store."""
