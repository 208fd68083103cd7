"""Writes the dossier of a request into a folder. Decides nothing about what stands in it."""

from __future__ import annotations

from pathlib import Path

from sendworthy.access.dossier import PAGE, TEMPLATE, Material, files
from sendworthy.access.letter import Letter
from sendworthy.access.replies import TEMPLATES, ReplyKind, answer_information
from sendworthy.app.ask import Standing, template, write_letter
from sendworthy.app.parts import WALL, Clock
from sendworthy.audit.evidence import Evidence
from sendworthy.errors import ConfigError, InvalidMessage


def export(standing: Standing, evidence: Evidence, folder: Path, *, clock: Clock = WALL) -> tuple[Path, ...]:
    """Write every file of the dossier and give their paths.

    The folder must not exist, be empty, or hold an earlier dossier, whose files are then replaced. Raises ConfigError
    over any other, and InvalidMessage when there is nothing to say at all.
    """
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / PAGE).exists())):
        raise ConfigError(f"{folder} holds something else than a dossier.", "Name a folder that does not exist yet.")
    material = Material(
        region=standing.region,
        evidence=evidence,
        findings=standing.report.findings,
        proofs=standing.proofs,
        results=standing.results,
        gate=standing.gate,
        case=standing.case,
        facts=standing.facts,
        letter=write_letter(standing, evidence),
        answer=usual_answers(standing, evidence),
        made_at=clock.now(),
    )
    written: list[Path] = []
    try:
        for name, content in files(material, template(TEMPLATE)).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            written.append(path)
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be written: {error.strerror}.", "Name another folder.") from error
    return tuple(written)


def usual_answers(standing: Standing, evidence: Evidence) -> Letter | None:
    """Write the answer to AWS's usual questions, None when nothing answers any of them."""
    try:
        return answer_information(
            standing.in_english,
            evidence.profile,
            region=standing.region,
            template=template(TEMPLATES[ReplyKind.INFORMATION]),
        )
    except InvalidMessage:
        return None
