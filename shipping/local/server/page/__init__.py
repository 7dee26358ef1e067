"""What people see and do: server-rendered pages of one stylesheet and one small script, without which they work too.

`views`, `job` and `actions` answer requests; `rendering` makes pages of parts, `events` says which parts have changed, `guard`
lets only forms of ours act. `rows`, `tree`, `files`, `asking` say in plain words what templates place; `logs`, `terminal`,
`markdown` and `redaction` make other people's text safe.
"""
