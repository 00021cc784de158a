"""Makes the objects of the worker, of the commands and of the doctor, and connects them.

The application gets its adapters from here alone. Two are made elsewhere: `worker.logs` opens standard output, and the
demo has clients of its own to make queues and buckets. One stack closes what was opened, in reverse order. Nothing is
imported here, so that a program loads only what it uses.
"""
