"""Starts converters from a small process of their own, within bounds that the kernel holds."""
