"""The lane as a state machine and as an object in a bucket.

- `machine`: pure: a lane and an act give the next lane, or the reason why not
- `ledger`: compare-and-swap around it, and the history behind it
- `keys`: where they lie
"""
