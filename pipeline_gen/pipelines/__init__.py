"""One file per pipeline: which steps it has, given the plan."""
