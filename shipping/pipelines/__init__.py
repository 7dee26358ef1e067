"""The pipelines that an app has at Buildkite, and their settings there.

`desired` says what a definition is, `definitions` lists them (one file each, as `app`); `difference` compares one with what
is there, without asking anybody; `sync` reads, shows and acts.
"""
