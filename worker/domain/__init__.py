"""What is true without I/O: values, rules and state machines, standard library only."""
