"""Programs of a job that must not outlive it: each runs under a keeper that kills its whole tree.

`keeper` is the script that holds one tree, `tree` starts keepers and follows what runs under them.
"""

from shipping.processes.tree import Ended, ProcessTree, Watch, agent_of, exit_on_sigterm

__all__ = ["Ended", "ProcessTree", "Watch", "agent_of", "exit_on_sigterm"]
