"""Everything on this machine: AWS emulated, a real Redis, a real worker process."""
