"""From tokens to a tree: ``||`` binds weakest, then ``&&``, then comparisons, then ``!``."""

from __future__ import annotations

from shipping.local.engine.conditions.fault import ConditionFault
from shipping.local.engine.conditions.lexer import Sort, Token, tokens
from shipping.local.engine.conditions.syntax import Binary, Call, Listed, Literal, Node, Not, Pattern, Variable
from shipping.local.engine.regex.fault import RegexFault
from shipping.local.engine.regex.search import compiled

DEEPEST = 50
MOST_OPERATORS = 150
"""A chain of them is a tree as deep; people write a few."""
LEVELS = (("||",), ("&&",), ("==", "!=", "=~", "!~", "includes"))
WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


def parse(text: str) -> Node:
    """Return the tree; raises ConditionFault at the first character that does not fit."""
    reader = _Reader(text)
    tree = reader.level(0)
    if reader.now.sort is not Sort.END:
        raise ConditionFault(f"expected an operator or the end, found {reader.now}", reader.now.place)
    return tree


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))
        self._next = 0
        self._depth = 0
        self._operators = 0

    @property
    def now(self) -> Token:
        return self._tokens[self._next]

    def take(self) -> Token:
        token = self.now
        if token.sort is not Sort.END:
            self._next += 1
        return token

    def takes(self, *texts: str) -> Token | None:
        """Return the next token if it is one of these marks or words, and go on behind it."""
        if self.now.sort in (Sort.MARK, Sort.WORD) and self.now.text in texts:
            return self.take()
        return None

    def expect(self, text: str) -> None:
        if self.takes(text) is None:
            raise ConditionFault(f"expected {text!r}, found {self.now}", self.now.place)

    def level(self, level: int) -> Node:
        if level == len(LEVELS):
            return self.prefix()
        left = self.level(level + 1)
        while (operator := self.takes(*LEVELS[level])) is not None:
            self._operators += 1
            if self._operators > MOST_OPERATORS:
                raise ConditionFault(f"more than {MOST_OPERATORS} operators", operator.place)
            right = self.level(level + 1)
            left = Binary(operator=operator.text, left=left, right=right, place=operator.place)
        return left

    def prefix(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ConditionFault(f"more than {DEEPEST} levels", self.now.place)
        mark = self.takes("!")
        found: Node = self.value() if mark is None else Not(operand=self.prefix(), place=mark.place)
        self._depth -= 1
        return found

    def value(self) -> Node:
        token = self.take()
        if token.sort is Sort.STRING:
            return Literal(value=token.text, place=token.place)
        if token.sort is Sort.NUMBER:
            return Literal(value=_number(token), place=token.place)
        if token.sort is Sort.REGEXP:
            return _pattern(token)
        if token.sort is Sort.WORD and token.text != "includes":
            return self.word(token)
        if token.sort is Sort.MARK and token.text == "(":
            inner = self.level(0)
            self.expect(")")
            return inner
        if token.sort is Sort.MARK and token.text == "[":
            return Listed(elements=self.rest("]"), place=token.place)
        raise ConditionFault(f"expected a value, found {token}", token.place)

    def word(self, token: Token) -> Node:
        if token.text in WORDS:
            return Literal(value=WORDS[token.text], place=token.place)
        if self.takes("("):
            return Call(name=token.text, arguments=self.rest(")"), place=token.place)
        return Variable(name=token.text, place=token.place)

    def rest(self, closing: str) -> tuple[Node, ...]:
        """Return what stands between here and the closing mark, separated by commas."""
        found: list[Node] = []
        while not self.takes(closing):
            if found:
                self.expect(",")
            found.append(self.level(0))
        return tuple(found)


def _number(token: Token) -> int:
    # Longer ones are no number that a build has, and take long to convert.
    if len(token.text) > 18:
        raise ConditionFault("a number of more than 18 digits", token.place)
    return int(token.text)


def _pattern(token: Token) -> Pattern:
    for flag in token.flags:
        if flag != "i":
            raise ConditionFault(f"the flag {flag!r} is not known to regular expressions, 'i' is", token.place)
    pattern = Pattern(source=token.text, ignore_case="i" in token.flags, place=token.place)
    try:
        compiled(pattern.source, ignore_case=pattern.ignore_case)
    except RegexFault as fault:
        raise ConditionFault(str(fault), token.place + 1 + fault.place) from None
    return pattern
