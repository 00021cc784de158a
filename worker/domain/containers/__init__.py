"""The structure of audio files: which container it is, and whether it is whole."""
