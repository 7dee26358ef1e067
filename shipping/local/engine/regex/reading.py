"""From the source of a regular expression to its parts."""

from __future__ import annotations

import re

from shipping.local.engine.regex import letters
from shipping.local.engine.regex.fault import RegexFault
from shipping.local.engine.regex.letters import Letters
from shipping.local.engine.regex.program import Assert, Choice, Consume, Part, Repeat, Sequence

DEEPEST = 50
LONGEST = 1_000
MOST_REPEATS = 1_000
HERE = "is not implemented by the local Buildkite"
THERE = "is not allowed by Buildkite"

COUNT = re.compile(r"\{(\d{0,6})(,?)(\d{0,6})\}")
GROUP = re.compile(r"\(\?(-?[a-z]+)([:)])")
COMMENT = re.compile(r"\(\?#[^)]*\)")
REFUSED_GROUPS = (
    ("(?<=", f"look-behind {THERE}"),
    ("(?<!", f"look-behind {THERE}"),
    ("(?>", f"an atomic group {THERE}"),
    ("(?<", f"a named group {THERE}"),
    ("(?P", f"a named group {THERE}"),
    ("(?'", f"a named group {THERE}"),
    ("(?(", f"a condition within a regular expression {THERE}"),
    ("(?=", f"look-ahead {HERE}"),
    ("(?!", f"look-ahead {HERE}"),
)
CONTROL = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b", "0": "\0"}
CODE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4}))")
POSIX = re.compile(r"\[:(\^?)([a-z]+):\]")


def read(source: str, *, ignore_case: bool = False) -> Part:
    """Return the parts; raises RegexFault for what cannot be read, or is not to be had here."""
    if len(source) > LONGEST:
        raise RegexFault(f"a regular expression of more than {LONGEST} characters", LONGEST)
    reader = _Reader(source, ignore_case=ignore_case)
    part = reader.choice(depth=0)
    if reader.place < len(source):
        raise RegexFault("an unmatched ')'", reader.place)
    return part


class _Reader:
    def __init__(self, source: str, *, ignore_case: bool) -> None:
        self.source = source
        self.place = 0
        self.ignore_case = ignore_case

    @property
    def now(self) -> str:
        return self.source[self.place : self.place + 1]

    def takes(self, text: str) -> bool:
        if self.source.startswith(text, self.place):
            self.place += len(text)
            return True
        return False

    def fault(self, what: str) -> RegexFault:
        return RegexFault(what, self.place)

    def choice(self, *, depth: int) -> Part:
        """Read to the end of the group, or of all. A flag set within it holds to its end."""
        if depth > DEEPEST:
            raise self.fault(f"more than {DEEPEST} groups in one another")
        outer, options = self.ignore_case, []
        while True:
            options.append(self.sequence(depth))
            if not self.takes("|"):
                break
        self.ignore_case = outer
        return options[0] if len(options) == 1 else Choice(options=tuple(options))

    def sequence(self, depth: int) -> Part:
        parts: list[Part] = []
        while self.now not in ("", "|", ")"):
            part = self.atom(depth)
            if part is not None:
                parts.append(self.repeated(part))
        return Sequence(parts=tuple(parts))

    def repeated(self, part: Part) -> Part:
        while (counts := self.counts()) is not None:
            if self.now == "+":
                raise self.fault(f"a possessive quantifier {THERE}")
            self.takes("?")
            part = Repeat(part=part, least=counts[0], most=counts[1])
        return part

    def counts(self) -> tuple[int, int | None] | None:
        for mark, counts in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.takes(mark):
                return counts
        matched = COUNT.match(self.source, self.place)
        if matched is None or not (matched[1] or matched[3]):
            return None
        least = int(matched[1] or 0)
        most = (int(matched[3]) if matched[3] else None) if matched[2] else least
        if max(least, most or 0) > MOST_REPEATS or (most is not None and most < least):
            raise self.fault(f"a quantifier that does not count up to at most {MOST_REPEATS}")
        self.place = matched.end()
        return least, most

    def atom(self, depth: int) -> Part | None:
        letter = self.now
        if letter == "(":
            return self.group(depth)
        if letter == "[":
            return Consume(self.bracket())
        if letter == "\\":
            return self.escape()
        if letter in "*+?":
            raise self.fault(f"a quantifier {letter!r} with nothing before it")
        self.place += 1
        if letter in "^$":
            return Assert(letter)
        return Consume(letters.ANY if letter == "." else letters.one(letter, ignore_case=self.ignore_case))

    def group(self, depth: int) -> Part | None:
        for mark, complaint in REFUSED_GROUPS:
            if self.source.startswith(mark, self.place):
                raise self.fault(complaint)
        if matched := COMMENT.match(self.source, self.place):
            self.place = matched.end()
            return None
        opened, outer = self.place, self.ignore_case
        if matched := GROUP.match(self.source, self.place):
            if matched[1].removeprefix("-") != "i":
                raise self.fault(f"the flag {matched[1]!r} {HERE}")
            self.place, self.ignore_case = matched.end(), matched[1] == "i"
            if matched[2] == ")":
                return None
        elif not self.takes("(?:"):
            self.place += 1
            if self.now == "?":
                raise self.fault("a group that is not known")
        part = self.choice(depth=depth + 1)
        self.ignore_case = outer
        if not self.takes(")"):
            raise RegexFault("a group that does not end", opened)
        return part

    def escape(self) -> Part:
        following = self.source[self.place + 1 : self.place + 2]
        if following and following in "AzZbB":
            self.place += 2
            return Assert(following)
        return Consume(self.letter_or_set())

    def letter_or_set(self) -> Letters:
        """Read a backslash and what it means: a set, a control character, or the letter itself."""
        if matched := CODE.match(self.source, self.place):
            self.place = matched.end()
            return letters.one(chr(int(matched[1] or matched[2], 16)), ignore_case=self.ignore_case)
        letter = self.source[self.place + 1 : self.place + 2]
        if not letter:
            raise self.fault("a backslash with nothing behind it")
        if letter.lower() in letters.SHORTHANDS:
            found = Letters(ranges=letters.SHORTHANDS[letter.lower()], negated=letter.isupper())
        elif letter in CONTROL:
            found = letters.one(CONTROL[letter])
        elif letter.isdigit() or letter in "kg":
            raise self.fault(f"a back-reference {HERE}")
        elif letter.isalpha():
            raise self.fault(f"'\\{letter}' {HERE}")
        else:
            found = letters.one(letter)
        self.place += 2
        return found

    def bracket(self) -> Letters:
        opened = self.place
        self.place += 1
        negated, ranges, parts = self.takes("^"), list[letters.Range](), list[Letters]()
        while self.now != "]" or self.place == opened + 1 + negated:
            if not self.now:
                raise RegexFault("a class that does not end", opened)
            self.member(ranges, parts)
        self.place += 1
        return Letters(ranges=tuple(ranges), parts=tuple(parts), negated=negated, ignore_case=self.ignore_case)

    def member(self, ranges: list[letters.Range], parts: list[Letters]) -> None:
        """Read one letter, a range of them, or a set."""
        if matched := POSIX.match(self.source, self.place):
            if matched[2] not in letters.NAMED:
                raise self.fault(f"the class {matched[2]!r} is not known")
            self.place = matched.end()
            parts.append(Letters(ranges=letters.NAMED[matched[2]], negated=bool(matched[1])))
            return
        low = self.bracketed()
        if len(low.ranges) > 1 or low.negated or low.ranges[0][0] != low.ranges[0][1]:
            parts.append(low)
            return
        if self.now == "-" and self.source[self.place + 1 : self.place + 2] not in ("]", ""):
            self.place += 1
            high = self.bracketed()
            first, last = low.ranges[0][0], high.ranges[0][1]
            if high.negated or len(high.ranges) > 1 or high.ranges[0][0] != last or last < first:
                raise self.fault("a range that does not go up")
            ranges.append((first, last))
        else:
            ranges += low.ranges

    def bracketed(self) -> Letters:
        if self.now == "\\":
            if self.source.startswith("\\b", self.place):
                self.place += 2
                return letters.one("\b")
            return self.letter_or_set()
        if self.now == "[" or self.source.startswith("&&", self.place):
            raise self.fault(f"a class within a class {HERE}")
        self.place += 1
        return letters.one(self.source[self.place - 1])
