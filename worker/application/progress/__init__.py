"""Writing and reading progress, whatever the stores do."""
