"""What `foveate reading create` and `plan` do: a study for readers before anybody reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from foveate import console, runs
from foveate.errors import FoveateError, UsageError
from foveate.runs import StudyFolder, Subject

if TYPE_CHECKING:
    from foveate.reading.selection import Repeat

READERS, ENOUGH = 3, 0.8  # what `create` says of power: as on the page for planning
MORE_CASES, MOST_MODELS = (12, 20, 30, 40, 60), 9  # tried: of more models it would take half a minute


def refuse_old_names(repeat: str | None, repeats: str | None) -> None:
    """What was --repeat and --repeats: of `foveate run`, --repeats is how often each model is trained."""
    with console.errors_for_people():
        if repeat is not None:
            raise UsageError(f"--repeat is called --training-run now: --training-run {repeat}")
        if repeats is not None:
            raise UsageError(f"--repeats is called --shown-twice now: --shown-twice {repeats}")


def create(
    out: Path,
    datasets: list[str],
    cases: str,
    healthy: bool,
    training_run: str,
    consent: Path | None,
    questions: Path | None,
    show_truth: bool,
    shown_twice: float,
    go_back: bool,
    seed: int | None,
    quiet: bool,
) -> None:
    """`foveate reading create`."""
    from foveate.reading import package, writing
    from foveate.reading.questions import QUESTIONS, read_questions

    with console.errors_for_people(), console.bar(quiet) as bar:
        folder = StudyFolder(out)
        subjects = _subjects(folder, datasets)
        chosen = _cases(cases)
        bar.announce("rendering the cases")
        place = package.create(
            folder,
            subjects,
            chosen,
            _training_run(training_run),
            seed=seed,
            show_truth=show_truth,
            questions=read_questions(questions) if questions else QUESTIONS,
            options=package.Options(repeat_share=shown_twice, go_back=go_back),
            consent=_text(consent) if consent else None,
            healthy=healthy,
            advance=bar.advance,
        )
        study = package.load(place)
        power = {dataset.name: _power(dataset.cases, dataset.models) for dataset in study.datasets}
    for dataset, subject in zip(study.datasets, subjects, strict=True):
        counted = f"{dataset.cases} cases and {dataset.practice} for practice, {dataset.models} models"
        console.out.print(f"{dataset.name}: {counted}", markup=False)
        console.out.print(f"  images: {_images(folder, subject, dataset.healthy)}", markup=False)
        console.out.print(f"  {power[dataset.name]}", markup=False)
    console.out.print(f"contact sheet, to be looked through for names: {place / writing.SHEET}", markup=False)
    console.out.print(f"next: foveate reading serve {out}", markup=False)


def _images(folder: StudyFolder, subject: Subject, healthy: bool) -> str:
    """Which classes the cases are of, and what that asks of the readers."""
    from foveate.reading.selection import diseased

    if disease := " or ".join(diseased(folder, subject)):
        return f"{disease}, and healthy ones" if healthy else f"{disease} alone; --healthy draws healthy ones too"
    return "of every class: neither the study nor the names of the classes say which of them is disease"


def _power(cases: int, models: int) -> str:
    """What so many cases can show, and how many would show it in four of five studies."""
    from foveate.reading import planning

    win = planning.share_to_plan_for(models)

    def chance(number: int) -> float:
        return planning.power(READERS, number, np.random.default_rng(0), models, win).estimate

    own = chance(cases)
    counted = "1 case shows" if cases == 1 else f"{cases} cases show"
    says = f"power: if one model gets {win:.0%} of {READERS} readers' choices, {counted} it with a chance of {own:.0%}"
    tried = [number for number in MORE_CASES if number > cases and own < ENOUGH and models <= MOST_MODELS]
    enough = next((number for number in tried if chance(number) >= ENOUGH), None)
    return says + (f", {enough} cases with {ENOUGH:.0%}" if enough else "") + "; see foveate reading plan"


def _subjects(folder: StudyFolder, names: list[str]) -> list[Subject]:
    every = runs.subjects(folder.study)
    unknown = [name for name in names if name not in [own.name for own in every]]
    if unknown:
        raise UsageError(f"--dataset {unknown[0]} is not in the study: it has {', '.join(own.name for own in every)}.")
    return [own for own in every if not names or own.name in names]


def _cases(text: str) -> int | list[str]:
    if text.isascii() and text.isdigit():
        if not 1 <= int(text) <= 1000:
            raise UsageError(f"--cases must be 1 to 1000, not {text}.")
        return int(text)
    path = Path(text)
    if not path.is_file():
        raise UsageError(f"--cases must be a number or a file with a case id in each line; there is no file {text}.")
    return [line.strip() for line in _text(path).splitlines() if line.strip()]


def _training_run(text: str) -> Repeat:
    if text == "all":
        return "all"
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise UsageError(f"--training-run must be the number of a run, such as 1, or all; not {text}.")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FoveateError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}.") from error


def plan(readers: str, cases: str, models: int, win: float | None, common: float) -> None:
    """`foveate reading plan`."""
    from foveate.reading import planning

    win = planning.share_to_plan_for(models) if win is None else win
    with console.errors_for_people():
        several, many = _numbers("--readers", readers, 100), _numbers("--cases", cases, 500)
        try:
            found = planning.table(several, many, np.random.default_rng(0), models, win, common)
        except ValueError as error:
            raise UsageError(f"{error}.") from error
    table = Table("readers", box=None, pad_edge=False)
    for count in many:
        table.add_column(f"{count} cases", justify="right")
    for count, line in zip(several, found.power, strict=True):
        table.add_row(str(count), *(f"{of.estimate:.0%}" for of in line))
    console.out.print(
        f"The chance that the within-case permutation test shows a preference (p < 0.05), where the best of {models} "
        f"models gets {win:.0%} of the choices:",
        markup=False,
    )
    console.out.print(table)


def _numbers(option: str, text: str, most: int) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and 1 <= int(part) <= most for part in parts):
        raise UsageError(f"{option} must be numbers from 1 to {most} with commas between, not {text}.")
    return [int(part) for part in parts]
