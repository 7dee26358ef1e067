"""`ship local`: a Buildkite of one's own on this machine, with real agents.

`running` brings a world up and down, `building` starts builds in it, `looking` shows what is there, `following` watches it
happen, `acting` does what the page's buttons do, `hosts` shows hosts. `where` says which world and which build is meant;
`tree` makes lines of a build and `printing` puts them on a terminal or into a pipe.
"""

from __future__ import annotations

import click

from shipping.cli.local import acting, building, following, hosts, looking, running


@click.group()
def local() -> None:
    """Run a Buildkite of your own on this machine, with real agents.

    BUILD is a number (of the repository's pipeline), PIPELINE/NUMBER, or the address of its page; left out, it is the
    newest one of that pipeline.

    \b
    Example:
      ship local up --detach
      ship local build --wait
      ship local down
    """


for command in (
    *(running.up, running.down, running.agent, building.build, looking.ls, looking.show, looking.open_page),
    *(following.watch, following.log, acting.unblock, acting.retry, acting.cancel, hosts.host),
):
    local.add_command(command)
