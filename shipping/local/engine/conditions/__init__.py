"""Buildkite's condition language: the ``if`` of steps and notifications.

`condition` is the way in. `lexer` makes tokens, `parser` a tree of `syntax`, `checker` refuses what cannot be compared
(as Buildkite does, when the condition is uploaded), `evaluator` answers, `facts` is what a condition may ask about.
"""
