"""The engine over HTTP, on 127.0.0.1 only: `agents/` is what agents call (/v3), `rest/` what pybuildkite calls (/v2),
`page/` what people see (/). `plane` holds the state, `tokens` says who may call, `wire` reads and answers.
"""
