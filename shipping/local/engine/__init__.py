"""The local Buildkite's mind: ``step(state, event) -> (state, commands)``, without I/O, clock or chance.

`records` is what exists, `events` what may happen, `commands` what the edge must do about it. One room per concern:
`expand` (uploaded JSON to steps and jobs), `dependencies` (who may run), `dispatch` (who runs where), `lifecycle`
(what a job's agent reports), `retry`, `cancel`, `watchdog` (time-outs, lost agents), `rollup` (a build's state).
"""
