"""What differs between two versions of a module, and who can notice."""

from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_gen.suites.source import Difference, UnreadableSourceError, compare, functions

MODULE = dedent(
    '''
    """Words."""
    import os
    from typing import TYPE_CHECKING

    if TYPE_CHECKING:
        from pathlib import Path

    LIMIT = 20
    double = lambda x: x * 2
    squares = [n * n for n in range(LIMIT)]


    @staticmethod
    def shorten(text: str, limit: int = LIMIT, *, end: str = ".") -> str:
        """Cut."""
        def cut() -> str:
            return text[:limit]
        return cut() + end


    class Style(object):
        """A style."""
        mark = "!"

        def apply(self, text):
            return text + self.mark

        class Inner:
            depth = 1

            def deep(self):
                return self.depth


    try:
        import fast
    except ImportError:
        def speed():
            return 1
    else:
        def speed():
            return 2

    if os.name == "nt":
        class Console:
            def width(self):
                return 80
    '''
)

BODIES = {
    "a body": ("cut() + end", "cut() + end * 2", "shorten"),
    "a function in a function": ("text[:limit]", "text[limit:]", "shorten"),
    "a method": ("text + self.mark", "self.mark + text", "Style.apply"),
    "a method of a class in a class": ("self.depth", "self.depth + 1", "Style.Inner.deep"),
    "one of two functions of a name": ("return 2", "return 3", "speed"),
    "a method of a class under a condition": ("return 80", "return 81", "Console.width"),
}

AT_IMPORT = {
    "a constant": ("LIMIT = 20", "LIMIT = 21", "module constant 'LIMIT'"),
    "a lambda of the module": ("x * 2", "x * 3", "module constant 'double'"),
    "a comprehension of the module": ("n * n", "n + n", "module constant 'squares'"),
    "a decorator": ("@staticmethod", "@classmethod", "decorator 'shorten'"),
    "a default argument": ("= LIMIT,", "= LIMIT + 1,", "default argument 'shorten'"),
    "a default that goes": ("= LIMIT,", ",", "default argument 'shorten'"),
    "a keyword's default": ('end: str = "."', 'end: str = "!"', "default argument 'shorten'"),
    "an annotation": ("text: str", "text: bytes", "signature 'shorten'"),
    "a return annotation": ('-> str:\n    """Cut', '-> bytes:\n    """Cut', "signature 'shorten'"),
    "an argument's name": ("text: str", "words: str", "signature 'shorten'"),
    "a function that becomes a coroutine": (
        "def speed():\n        return 2",
        "async def speed():\n        return 2",
        "speed",
    ),
    "a function that begins to yield": ("return cut() + end", "yield cut() + end", "signature 'shorten'"),
    "the module's docstring": ("Words.", "Text.", "docstring"),
    "a function's docstring": ("Cut.", "Cuts.", "docstring 'shorten'"),
    "a class's docstring": ("A style.", "Style.", "docstring 'Style'"),
    "a class attribute": ('mark = "!"', 'mark = "?"', "class attribute 'Style.mark'"),
    "an attribute of a class in a class": ("depth = 1", "depth = 2", "class attribute 'Style.Inner.depth'"),
    "a base class": ("Style(object)", "Style(str)", "class 'Style'"),
    "an import": ("import os", "import os, sys", "import 'os, sys'"),
    "a condition at module level": ('"nt"', '"posix"', "module level code"),
    "an import that may fail": ("import fast", "import faster", "module level code"),
    "a new method": ("    class Inner:", "    def more(self): ...\n\n    class Inner:", "function 'Style.more'"),
    "a renamed function": ("def shorten", "def cut_off", "function 'shorten'"),
    "a constant that goes": ("LIMIT = 20\n", "", "module constant 'LIMIT'"),
}

NOTHING = {
    "a comment": ("LIMIT = 20", "LIMIT = 20  # much"),
    "formatting": ("cut() + end", "(\n        cut()\n        + end\n    )"),
    "quotes": ('"!"', "'!'"),
    "an import for type checkers": ("import Path", "import Path, PurePath"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_concerns_who_runs_the_function(name: str) -> None:
    before, after, function = BODIES[name]

    assert compare(MODULE.encode(), _edited(before, after)) == Difference(at_import=(), bodies=(function,))


@pytest.mark.parametrize("name", AT_IMPORT)
def test_what_runs_at_import_concerns_who_imports_the_module(name: str) -> None:
    before, after, evidence = AT_IMPORT[name]

    difference = compare(MODULE.encode(), _edited(before, after))

    assert difference.bodies == ()
    assert any(evidence in said for said in difference.at_import), difference.at_import


@pytest.mark.parametrize("name", NOTHING)
def test_comments_formatting_and_what_only_type_checkers_read_concern_nobody(name: str) -> None:
    before, after = NOTHING[name]

    assert compare(MODULE.encode(), _edited(before, after)) == Difference(at_import=(), bodies=())


def test_a_swap_of_two_functions_of_one_name_is_a_difference_of_their_bodies() -> None:
    """Counting pieces would find the same pieces."""
    swapped = MODULE.replace("return 1", "return 0").replace("return 2", "return 1").replace("return 0", "return 2")

    assert compare(MODULE.encode(), swapped.encode()).bodies == ("speed",)


def test_functions_that_change_places_run_at_import() -> None:
    """The last of two definitions wins, so order can matter."""
    one, other = b"def a(): return 1\n", b"def b(): return 2\n"

    assert compare(one + other, other + one).at_import == ("order of statements",)


@pytest.mark.parametrize("imported", ["from mine import TYPE_CHECKING", "TYPE_CHECKING = True", ""])
def test_a_type_checking_of_another_make_is_code(imported: str) -> None:
    """Only typing's own constant is known to be false."""
    old = f"{imported}\nif TYPE_CHECKING:\n    x = 1\n".encode()

    assert compare(old, old.replace(b"x = 1", b"x = 2")).at_import == ("module level code",)


def test_the_other_branch_of_type_checking_is_code() -> None:
    old = b"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    x = 1\nelse:\n    x = 2\n"

    assert compare(old, old.replace(b"x = 2", b"x = 3")).at_import == ("module level code",)


def test_a_declared_encoding_is_obeyed() -> None:
    """The same bytes are other words in another encoding."""
    old = b"# -*- coding: latin-1 -*-\nx = '\xc3\xa9'\n"

    assert compare(old, old.replace(b"latin-1", b"utf-8")).at_import == ("module constant 'x'",)


@pytest.mark.parametrize("source", [b"def f(:\n", b"x = '\xff'\n", b"x\0"])
def test_what_is_not_python_is_refused(source: bytes) -> None:
    with pytest.raises(UnreadableSourceError):
        compare(b"", source)


def test_functions_are_the_outermost_with_the_lines_of_their_bodies() -> None:
    source = dedent(
        """\
        def a(x=1,
              y=2):
            "Doc."
            def b():
                return x
            return b

        class C:
            def d(self): pass
        """
    )

    found = functions(source.encode())

    assert [(one.name, one.first, one.last) for one in found] == [("a", 3, 6), ("C.d", 9, 9)]


@settings(deadline=None)
@given(st.integers(1, 12), st.data())
def test_every_single_change_of_a_statement_is_noticed(count: int, data: st.DataObject) -> None:
    """Whatever differs in the code is either at import or in a body, never nothing."""
    kinds = ["x{n} = {v}", "def f{n}(a={v}): return {n}", "def g{n}(): return {v}", "class C{n}:\n    y = {v}"]
    chosen = [data.draw(st.sampled_from(kinds)) for _ in range(count)]
    at = data.draw(st.integers(0, count - 1))
    old = "\n".join(kind.format(n=n, v=1) for n, kind in enumerate(chosen))
    new = "\n".join(kind.format(n=n, v=2 if n == at else 1) for n, kind in enumerate(chosen))

    difference = compare(old.encode(), new.encode())

    if chosen[at] == kinds[2]:
        assert difference == Difference(at_import=(), bodies=(f"g{at}",))
    else:
        assert difference.at_import


def _edited(before: str, after: str) -> bytes:
    assert before in MODULE
    return MODULE.replace(before, after, 1).encode()
