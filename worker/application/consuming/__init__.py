"""Receiving deliveries, renewing their leases, settling them."""
