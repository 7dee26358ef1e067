"""The local Buildkite's mind: ``step(state, event) -> (state, commands)``, without I/O, clock or chance.

`records` is what exists, `kinds` and `states` its steps' kinds and its states, `events` what may happen, `commands`
what the edge must do about it, `machine` the function itself, `draft` its working copy. One room per concern:
`documents`, `attributes`, `values`, `expand` (uploaded JSON to steps), `filters` with `branches`, `conditions` and
`regex` (what keeps a step out), `matrix` (one step, several jobs), `builds` (how they begin and grow), `dependencies`
(who may run), `settle` (start and give up), `rollup` (what a build has become), `dispatch` (who runs where),
`lifecycle` (what agents report), `retry`, `cancel`, `watchdog` (time-outs, lost agents), `environment` (what a job is
given), `change` (step get and update). People: `fields` (what a step asks, and which answers it takes), `blocks`
(unblocking). Builds among builds: `bodies` (blocks, inputs and triggers as written), `triggers` (builds that builds
make), `intermediate` (older builds of a branch), `branches` (patterns), `stopping`.
"""
