"""Regular expressions as Ruby reads them, matched in linear time: no pattern can hold up the control plane.

Python's ``re`` backtracks: ``/(a+)+$/`` on a commit message would stop the one thread that serves all agents. Conditions
only ask whether there is a match, so a set of states per character is enough (Thompson 1968), kept once computed. As in
Ruby ``^`` and ``$`` are the ends of any line. What Buildkite rejects (look-behind, atomic and named groups, possessive
quantifiers) is rejected; look-ahead and back-references, which need backtracking, are refused by name.

`reading` makes parts of the source (`letters` are their classes), `program` instructions of the parts, `search` runs them.
"""
