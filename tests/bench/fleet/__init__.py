"""A fleet follows a flip: how long until all began, and what that asks of the bucket.

- `arithmetic`: what poll and jitter must be, and what requests cost
- `metered`: the store that counts
- `simulated`: thousands of hosts on a simulated clock, each the real daemon
- `real`: a hundred real daemons, each a process with a process group of its own
- `__main__`: both, and what is promised of them
"""
