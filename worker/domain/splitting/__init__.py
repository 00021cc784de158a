"""One encoding done in pieces side by side: where to cut, and how the pieces become the file of one encoder."""
