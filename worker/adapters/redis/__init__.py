"""Redis: the progress cache."""
