"""What people read on the build's page: failures with their last words, flaky tests with their history. Bounded, escaped."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shipping.testrun.events import Result
    from shipping.testrun.proof import Flaw, Proof
    from shipping.testrun.report import Report
    from shipping.testrun.shadow import Shadow

MOST_FAILURES = 25
MOST_NAMED = 50
MOST_LINES = 12
LINE_LENGTH = 240
# Terminal colours, and characters that could hide or reorder what a line says.
_HIDDEN = re.compile(
    "\x1b\\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def shard_context(suite: str, shard: int) -> str:
    """Return the annotation's context: one per suite and shard, so that shards do not overwrite each other."""
    return f"tests-{suite}-{shard}"


def shard_annotation(
    report: Report, flaws: Sequence[Flaw], *, shards: int, history: Mapping[str, str]
) -> tuple[str, str]:
    """Return Markdown and style for one shard. ``history`` says of a test how often it was flaky before."""
    lines = [f"**{_text(report.suite)}** shard {report.shard + 1} of {shards}: {_summary(report)}"]
    if report.incident is not None:
        lines.append(_details(f"❌ {_text(report.incident.message)}", report.incident.text))
    failed = sorted(report.failed, key=lambda result: result.id)
    lines += [
        _details(f"❌ <code>{_text(result.id)}</code>", last_words(result.text)) for result in failed[:MOST_FAILURES]
    ]
    if len(failed) > MOST_FAILURES:
        lines.append(f"and {len(failed) - MOST_FAILURES} more failures: see the job's log or its JUnit artifact")
    lines += [_flaky_line(result, history) for result in report.flaky[:MOST_NAMED]]
    lines += [f"❌ {_text(str(flaw))}" for flaw in flaws[:MOST_NAMED] if report.incident is None]
    if report.not_run:
        lines.append(f"Not run: {_names(report.not_run)}")
    if report.no_retry:
        lines.append(_text(report.no_retry))
    style = "error" if not report.green or flaws else "warning" if report.flaky else "success"
    return "\n\n".join(lines), style


def proof_annotation(proofs: Sequence[Proof], history: Mapping[str, str]) -> tuple[str, str]:
    """Return Markdown and style for the whole build's tests."""
    lines = ["| suite | | tests | failed | flaky | shards | predicted | longest |", "|---|---|---|---|---|---|---|---|"]
    for proof in proofs:
        mark = "✅" if proof.green else "❌"
        lines.append(
            f"| {_text(proof.suite)} | {mark} | {proof.tests} | {len(proof.failed)} | {len(proof.flaky)}"
            f" | {proof.shards} | {proof.predicted:.1f} s | {proof.longest:.1f} s |"
        )
    told = ["\n".join(lines)]
    for proof in proofs:
        shown = proof.flaws[:MOST_NAMED]
        told += [f"❌ **{_text(proof.suite)}** {_text(flaw.what)}{_listed(flaw.ids)}" for flaw in shown]
        if len(proof.flaws) > len(shown):
            told.append(f"and {len(proof.flaws) - len(shown)} more reasons: see the job's log")
        if proof.flaky:
            named = ", ".join(
                f"<code>{_text(test)}</code>{_before(test, history)}" for test in proof.flaky[:MOST_NAMED]
            )
            told.append(f"⚠️ **{_text(proof.suite)}** passed only in a second run: {named}")
        if proof.vanished:
            told.append(f"**{_text(proof.suite)}** in the plan, in no file any more: {_names(proof.vanished)}")
    style = "error" if any(not proof.green for proof in proofs) else "success"
    if style == "success" and any(proof.flaky for proof in proofs):
        style = "warning"
    return "\n\n".join(told), style


def last_words(text: str) -> str:
    """Return what a failure says in the end: pytest's lines of assertion (``E``), else its last lines."""
    lines = text.splitlines()
    asserted = [line for line in lines if line.startswith("E ")]
    place = [line for line in lines[-1:] if not line.startswith("E ")]
    return "\n".join([*asserted[-MOST_LINES:], *place] if asserted else lines[-MOST_LINES:])


def _summary(report: Report) -> str:
    counts = report.counts()
    words = [f"{counts[outcome]} {outcome}" for outcome in sorted(counts)]
    if report.flaky:
        words.append(f"{len(report.flaky)} flaky")
    if report.not_run:
        words.append(f"{len(report.not_run)} not run")
    return ", ".join(words) or "no tests"


def _flaky_line(result: Result, history: Mapping[str, str]) -> str:
    return _details(
        f"⚠️ <code>{_text(result.id)}</code> passed in its second run{_before(result.id, history)}",
        last_words(result.text),
    )


def _before(test: str, history: Mapping[str, str]) -> str:
    return f" ({_text(history[test])})" if test in history else ""


def _details(summary: str, text: str) -> str:
    if not text.strip():
        return summary
    lines = [_text(line[:LINE_LENGTH]) for line in text.splitlines()[-4 * MOST_LINES :]]
    return f"<details><summary>{summary}</summary>\n\n<pre><code>{chr(10).join(lines)}</code></pre>\n</details>"


def _listed(ids: Sequence[str]) -> str:
    return f": {_names(ids)}" if ids else ""


def shadow_annotation(shadows: Sequence[Shadow]) -> tuple[str, str]:
    """Return Markdown and style for what selection would have missed, had it not only been watched."""
    lines = [_text(str(shadow)) for shadow in shadows]
    style = "info" if all(shadow.caught and not shadow.missed for shadow in shadows) else "warning"
    return "\n\n".join(lines), style


def _names(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
    return ", ".join(f"<code>{_text(test)}</code>" for test in ids[:MOST_NAMED]) + more


def _text(text: str) -> str:
    """Escape for HTML inside Markdown, on one line: a blank line would end the HTML block and Markdown go on inside it."""
    shown = _HIDDEN.sub("", text.replace("\n", " "))[: 4 * LINE_LENGTH]
    # A test's name must not become a link, an emphasis, an emoji or a table cell.
    return re.sub(r"[\\`*_\[\]|~:@#]", lambda found: f"&#{ord(found[0])};", html.escape(shown, quote=False))
