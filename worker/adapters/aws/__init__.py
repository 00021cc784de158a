"""AWS clients with all their timeouts, and the table by which the SDK's errors become ours."""
