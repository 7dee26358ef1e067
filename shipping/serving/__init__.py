"""What we ship into applications: files that run in their interpreters and import nothing of ours.

- `asgi`: uvicorn on a host's sockets, drained without losing a request
"""
