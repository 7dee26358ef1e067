"""A slug against a monolith: seconds and bytes of a release with 20 changed files, from checkout to a host that can roll to it.

- `tree`: what is released, and how it changes
- `ours`: publishing, and the host daemon's own way of making a release ready, each in a process of its own, its start included
- `peers`: the same by tar and a compressor
- `__main__`: all of them in one run, and the table
"""
