"""Which kind of file a changed path is, as far as selection cares. What is not known to be harmless is named and feared."""

from __future__ import annotations

from pathlib import PurePosixPath

from pipeline_gen.suites.patterns import first_match

PYTHON = "python"
CONFTEST = "conftest"

_PYTHON_OF_BUILDS = ("setup.py", "noxfile.py")

# The first rule that fits names the kind; every kind here means: run everything, and say which file it was.
_EVERYTHING = (
    (
        "lockfile",
        ("*.lock", "requirements*.txt", "constraints*.txt", "requirements/**", "package-lock.json", "*lock.yaml"),
    ),
    ("configuration", (*_PYTHON_OF_BUILDS, "*.toml", "*.cfg", "*.ini", "*.conf", ".env*", ".coveragerc", "Makefile")),
    (
        "configuration",
        ("Dockerfile*", ".buildkite/**", ".github/**", ".gitattributes", ".python-version", ".tool-versions"),
    ),
    ("native code", ("*.c", "*.h", "*.cc", "*.cpp", "*.hpp", "*.pyx", "*.pxd", "*.rs", "*.go", "*.so", "*.f90")),
    (
        "template",
        ("*.html", "*.jinja", "*.jinja2", "*.j2", "*.mako", "*.tmpl", "*.tpl", "templates/**", "**/templates/**"),
    ),
)
_FIXTURES = ("**/fixtures/**", "fixtures/**", "**/testdata/**", "testdata/**")
_DATA = ("*.json", "*.yaml", "*.yml", "*.csv", "*.tsv", "*.sql", "*.xml", "*.txt", "*.po", "*.mo", "*.pem", "*.parquet")


def kind_of(path: str, *, test_folders: tuple[str, ...]) -> str:
    """Return PYTHON, CONFTEST, or the name of a kind whose change means everything.

    ``test_folders`` are where the suite's tests lie: what is there and is not Python is fixture data.
    """
    pure = PurePosixPath(path)
    if pure.suffix == ".py" and pure.name not in _PYTHON_OF_BUILDS:
        return CONFTEST if pure.name == "conftest.py" else PYTHON
    for kind, patterns in _EVERYTHING:
        if first_match(path, patterns):
            return kind
    under_tests = any(path.startswith(f"{folder}/") for folder in test_folders)
    if under_tests or first_match(path, _FIXTURES):
        return "fixture data"
    return "data file" if first_match(path, _DATA) else "unknown kind of file"


def is_named_as_test(path: str) -> bool:
    """Tell whether pytest's default would take the file for tests, of whichever suite."""
    return first_match(path, ("test_*.py", "*_test.py", "conftest.py")) is not None
