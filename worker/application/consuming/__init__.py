"""Receiving, keeping and settling deliveries."""
