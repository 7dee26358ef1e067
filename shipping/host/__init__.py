"""What runs on a host of a fleet. Linux only; of third parties it imports boto3, cryptography and zstandard, through its rooms.

- `roll`: one process group after another from one release to the next, over a driver
- `plan`: pure: what is there and what is wanted give the next step
- `group`: releases and process groups as data
- `driver`: what a roll needs of who runs the groups; the named transitions
- `supervisor`: the built-in driver: folders, keepers, sockets
- `group_keeper`: the program that holds one group, or a listening socket, and outlives whoever started it
- `sockets`: listening sockets that never close: bound once, handed from process to process
- `probe`: is a group ready, and is it this release
- `folders`: notes that are written whole or not at all
"""
