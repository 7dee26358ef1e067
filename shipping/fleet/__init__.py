"""Which hosts an environment has, and how far they are with what its lane wants. Derived when asked, stored nowhere.

- `inventory`: the hosts in service, by name or by an EC2 tag
- `acks`: what hosts said of tokens, read by lists alone
- `count`: pure: who did what with a token, and whether that is enough
- `waiting`: waits until a fleet began with a token
- `coverage`: pure: which transitions a fleet followed to the end, and which of those are good
- `view`: each host in one line
- `standing`: how far a whole fleet is, and what its unwell hosts say
"""
