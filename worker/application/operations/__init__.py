"""What the operator sees and controls: start, drain, health, doctor."""
