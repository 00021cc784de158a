"""The gateway: jobs over HTTP, for programs and browsers. A process of its own without state.

`serving` runs it, `app` connects the routes. It is the only package that needs the extra `serve`, and no other part
of the worker imports it. docs/gateway.md describes it for users.
"""
