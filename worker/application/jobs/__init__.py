"""Claiming, running and ending jobs."""
