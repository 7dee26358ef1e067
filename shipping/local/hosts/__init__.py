"""Production hosts on this machine: each a daemon of its own, in a folder of its own below the world's state folder.

- `roster`: which hosts the configurations of a repository name
- `place`: where a host lies, the file its daemon reads, the ports where it takes requests
- `running`: what a host runs now, by its own notes
- `published`: where the world tells of them
- `ending`: nothing of a host is left running, whatever killed its daemon
"""
