"""Write a repository's first configuration: what `ship init` does.

`tree` is the repository to look at, `found` what is looked for. `python`, `node` and `ruby` each know the signs of their
world, `apps` finds out whose files are whose. `text` turns findings into the files of DESIGN 8, `place` puts them where
nothing stood before. Nothing of the repository is run or imported.
"""
