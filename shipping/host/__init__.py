"""What runs on a fleet's host: a daemon that makes the host run what its lane wants, and says how far it is. Linux only.

Imports the standard library, boto3, cryptography and zstandard, nothing else: it lives on every machine that serves.

- `decide`: pure: from the lane, the disk and what runs to what is to be done; `retention`: pure: which releases may go
- `daemon`: the loop around them; `points`: the places where its death is tested
- `releases`, `blobs`: slugs on disk; `memory`: what must outlive the daemon
- `reports`: acks and the beacon; `rolls`: what the daemon needs of whoever replaces processes
- `config`: the host's own file

Replacing processes:

- `roll`: one process group after another from one release to the next, over a driver; `plan`: pure: the next step of it
- `driver`: what a roll needs of who runs the groups; the named transitions; `group`: process groups as data
- `noted`: what both drivers write down; `folders`: notes written whole or not at all; `logs`: what groups print
- `systemd`: the driver of machines that systemd runs; `units`: pure: unit files; `systemctl`: speaks to systemd
- `take_sockets`: the first program of a group under systemd: puts its sockets in their places
- `supervisor`: the built-in driver; `kept`: folders that a keeper holds
- `group_keeper`: the program that holds one group, or a listening socket, and outlives whoever started it
- `sockets`: listening sockets that never close; `probe`: is a group ready, and is it this release
"""
