"""Find the tests that Node runs: by the runner that package.json names, else by Node's own, which runs any script."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.suites.patterns import first_match
from shipping.adopt.found import FoundSuite, Setup
from shipping.adopt.tree import table

if TYPE_CHECKING:
    from shipping.adopt.tree import Tree

OWN_NAME = "Node's own runner"
OWN = "node --test --test-reporter=junit --test-reporter-destination={junit} {file}"
_EXTENSIONS = "[cm]?[jt]sx?"
_NAMED = re.compile(rf"(?:^|/)[^/]*[.\-_](?:test|spec)\.{_EXTENSIONS}$|(?:^|/)test-[^/]*\.{_EXTENSIONS}$")
_IN_FOLDER = re.compile(rf"(?:^|/)(?:tests?|__tests__|spec)/(?:.*/)?[^/]+\.{_EXTENSIONS}$")
_PLAIN = re.compile(r"\.[cm]?js$")
_HELPER = re.compile(
    r"(?:^|/)(?:fixtures?|helpers?|support|utils?|mocks?|__mocks__|data|node_modules)(?:/|\.)|\.d\.ts$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Runner:
    """A runner by the word that names it; in ``command`` stands ``{bin}`` for where packages put their programs.

    ``{root}`` is left out at the repository's root. In a folder of it the runner is told so, and runs file by file: what it
    calls a file there is not what the plan calls it.
    """

    word: str
    command: str
    package: str = ""
    root: str = ""


_RUNNERS = (
    _Runner(
        word="vitest",
        root="--root",
        command="{bin}vitest run{root} --reporter=default --reporter=junit --outputFile.junit={junit} {files}",
    ),
    _Runner(
        word="jest",
        command="env JEST_JUNIT_OUTPUT_FILE={junit} JEST_JUNIT_ADD_FILE_ATTRIBUTE=true"
        " {bin}jest --ci{root} --reporters=default --reporters=jest-junit --runTestsByPath {files}",
        package="jest-junit",
        root="--rootDir",
    ),
    # Its own xunit reporter names no files.
    _Runner(word="mocha", command="{bin}mocha --reporter=xunit --reporter-option=output={junit} {file}"),
)
_INSTALLS = (
    ("package-lock.json", "npm ci", "npm ci --prefix {base}"),
    ("npm-shrinkwrap.json", "npm ci", "npm ci --prefix {base}"),
    ("pnpm-lock.yaml", "pnpm install --frozen-lockfile", "pnpm --dir {base} install --frozen-lockfile"),
    ("yarn.lock", "yarn install --frozen-lockfile", "yarn --cwd {base} install --frozen-lockfile"),
)


def find_node(tree: Tree) -> FoundSuite | None:
    """Return the suite of a package.json at the tree's base, None where it has no test files."""
    if not tree.has("package.json"):
        return None
    package = tree.json("package.json")
    script = str(table(package, "scripts").get("test", ""))
    runner = _runner(package, script)
    patterns, count = _patterns(tree, plain=runner is None)
    if not count:
        return None
    return FoundSuite(
        name="js",
        tests=count,
        why=f"{runner.word if runner else OWN_NAME}: {tree.at('package.json')}",
        setup=_setup(tree, package),
        command=_filled(runner, tree) if runner else OWN,
        files=patterns,
        notes=_notes(runner, package) if runner else _own_notes(script),
    )


def _runner(package: dict[str, Any], script: str) -> _Runner | None:
    """Return the runner that the test script names, else one that is among the dependencies; None: Node's own."""
    for runner in _RUNNERS:
        if re.search(rf"(?<![\w-]){runner.word}(?![\w-])", script):
            return runner
    if re.search(r"\bnode\b", script):
        return None
    return next((runner for runner in _RUNNERS if runner.word in _packages(package)), None)


def _packages(package: dict[str, Any]) -> set[str]:
    return set(table(package, "dependencies")) | set(table(package, "devDependencies"))


def _patterns(tree: Tree, *, plain: bool) -> tuple[tuple[str, ...], int]:
    """Return globs that match the test files, as few as say it, and how many files they match."""
    names = [name for name in tree.tracked if not _HELPER.search(name) and (not plain or _PLAIN.search(name))]
    tests = [name for name in names if _NAMED.search(name)] or [name for name in names if _IN_FOLDER.search(name)]
    tests = tests or [name for name in names if re.search(r"(?:^|/)tests?\.[cm]?js$", name)]
    patterns = tuple(dict.fromkeys(_pattern(name, tree.base) for name in tests))
    matched = [name for name in tree.tracked if first_match(name, patterns)]
    if set(matched) != set(tests):  # a glob would take in what is no test: name the files
        patterns = tuple(sorted(tests))
    return patterns, len(tests)


def _pattern(name: str, base: str) -> str:
    """Return the glob that a test file suggests: the folder of the tests, and what its name ends with."""
    folder, file = posixpath.split(name)
    top = "/".join(folder.split("/")[: 1 + (0 if base == "." else base.count("/") + 1)]) if folder else ""
    named = re.search(rf"[.\-_](?:test|spec)\.{_EXTENSIONS}$", file)
    ending = f"*{named[0]}" if named else f"*{posixpath.splitext(file)[1]}"
    if not folder:
        return file if not named else ending
    return f"{top}/**/{ending}"


def _setup(tree: Tree, package: dict[str, Any]) -> Setup:
    for lockfile, here, inside in _INSTALLS:
        if tree.has(lockfile):
            line = here if tree.base == "." else inside.format(base=tree.base)
            return Setup(argv=tuple(line.split()), why=tree.at(lockfile))
    shared = _workspace(tree)
    if shared:
        return Setup(argv=tuple(shared[1].split()), why=f"{shared[0]}, a workspace's")
    if _packages(package):
        where = [] if tree.base == "." else ["--prefix", tree.base]
        return Setup(
            argv=("npm", "install", "--no-audit", "--no-fund", *where), why="no lockfile: commit one, and use npm ci"
        )
    return Setup()


def _workspace(tree: Tree) -> tuple[str, str] | None:
    """Return the root's lockfile, and what installs it, where a folder has none of its own."""
    if tree.base == "." or "package.json" not in tree.top or any(tree.has(name) for name, _, _ in _INSTALLS):
        return None
    return next(((name, here) for name, here, _ in _INSTALLS if name in tree.top), None)


def _filled(runner: _Runner, tree: Tree) -> str:
    shared = _workspace(tree)
    # pnpm links each package's programs into it, npm and yarn keep those of all packages at the root.
    hoisted = shared is not None and shared[0] != "pnpm-lock.yaml"
    programs = "node_modules/.bin" if hoisted else tree.at("node_modules/.bin")
    command = runner.command.replace("{bin}", f"{programs}/")
    if tree.base == ".":
        return command.replace("{root}", "")
    return command.replace("{root}", f" {runner.root} {tree.base}").replace("{files}", "{file}")


def _own_notes(script: str) -> tuple[str, ...]:
    plain = not script or re.search(r"\bnode\s+--test\b", script)
    return () if plain else (f"package.json says {script!r}; `node --test` runs such files one by one",)


def _notes(runner: _Runner, package: dict[str, Any]) -> tuple[str, ...]:
    if runner.package and runner.package not in _packages(package):
        return (f"needs a package: npm install --save-dev {runner.package}",)
    return ()
