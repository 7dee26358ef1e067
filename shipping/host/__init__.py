"""What runs on a fleet's host: a daemon that makes the host run what its lane wants, and says how far it is.

Imports the standard library, boto3, cryptography and zstandard, nothing else: it lives on every machine that serves.

- `decide`: pure: from the lane, the disk and what runs to what is to be done; `retention`: pure: which releases may go
- `daemon`: the loop around them; `points`: the places where its death is tested
- `releases`, `blobs`: slugs on disk; `memory`: what must outlive the daemon
- `reports`: acks and the beacon; `rolls`: what the daemon needs of whoever replaces processes
- `config`: the host's own file
"""
