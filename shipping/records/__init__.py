"""What is written down: data and codecs, no I/O. Readers ignore fields they do not know, and refuse a newer schema by name.

- `document`: a record as an object, with its schema number
- `lane`: what an environment must run, who locked it, what ran before
- `history`: the copy of each of its transitions
- `following`: what will probably be wanted next
- `ack`, `beacon`: what a host says of a token, and of itself
- `process`: what hosts run of a slug
- `signature`: who says that a manifest or a clearance is to be trusted, and for what
- `clearance`: that a release may run in production
- `outcome`: how a release ended: cleared, or rejected and why
- `run`: what a team's own command did
"""
