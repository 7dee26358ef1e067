"""Which scope an API token must have for a call of the REST API: the one table, for asking and for answering.

Source: the "Required scope" of each page below https://buildkite.com/docs/apis/rest-api.
"""

from __future__ import annotations

SCOPES = (
    "read_agents",
    "write_agents",
    "read_artifacts",
    "write_artifacts",
    "read_build_logs",
    "write_build_logs",
    "read_builds",
    "write_builds",
    "read_clusters",
    "write_clusters",
    "read_job_env",
    "read_organizations",
    "read_pipelines",
    "write_pipelines",
    "read_teams",
    "write_teams",
    "read_user",
)

READS = frozenset({"GET", "HEAD"})

# What a path's last collection is called, and the subject that scopes name it by.
SUBJECTS = {
    "agents": "agents",
    "annotations": "builds",
    "artifacts": "artifacts",
    "builds": "builds",
    "clusters": "clusters",
    "jobs": "builds",
    "organizations": "organizations",
    "pipelines": "pipelines",
    "queues": "clusters",
    "schedules": "pipelines",
    "teams": "teams",
    "tokens": "clusters",
}


def scope_of(method: str, path: str) -> str | None:
    """Return the scope for a call below ``/v2``, None where any token will do (its own facts, or no such path).

    The documentation of teams says ``view_teams`` in places; tokens are made with ``read_teams``.
    """
    words = [word for word in path.split("/") if word]
    verb = "read" if method.upper() in READS else "write"
    if words[:1] == ["user"]:
        return "read_user"
    if "jobs" in words and words[-1] in {"log", "log.txt"}:
        return f"{verb}_build_logs"
    if "jobs" in words and words[-1] == "env":
        return "read_job_env"
    named = [words[place] for place in range(len(words)) if _is_collection(words, place)]
    subject = SUBJECTS.get(named[-1]) if named else None
    if named[-2:] == ["teams", "pipelines"]:
        subject = "teams"
    return None if subject is None else f"{verb}_{subject}"


def _is_collection(words: list[str], place: int) -> bool:
    """Whether the word names a collection: they alternate with names, which may be any word."""
    return place % 2 == 0 and words[place] in SUBJECTS
