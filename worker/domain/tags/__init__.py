"""What is written in a source's tags, by one name for each field, and the same in the words of each output format."""
