"""What is wrong with a set-up, and the fix of each.

`finding` is what one check says; `files`, `programs`, `organization` and `bucket` check one subject each; `examine` asks them
all. A check that cannot be made (no token, no bucket) says so: it is neither right nor wrong.
"""
