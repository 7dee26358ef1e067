"""A release on its way to production.

- `keys`: where its verdicts and outcomes lie, in the home bucket
- `following`: what hosts may fetch beforehand
- `conclude`: cleared or rejected, from the verdicts alone
- `evidence`: what a deploy demands before it believes anybody
- `commands`: the team's own commands, in the unpacked slug
- `deploy`: the one decision of a deploy, and what follows from it
- `holding`: lock and unlock of several environments
- `standing`: what each environment must run, and who says so
"""
