"""From the body of a message to the jobs that it asks for."""
