"""The pipelines that an app has at Buildkite, and their settings there.

`desired` says what a definition is, `definitions` lists them (one file for each kind: `app`, `deploy`); `difference` compares
one with what is there, without asking anybody; `sync` reads, shows and acts.
"""
