"""The two things the demonstration does: train and compare, and look at another picture.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import xmsda
from xmsda.demo import charts, report, timing
from xmsda.demo.detect import IOU_THRESHOLD, SCORE_THRESHOLD, Detections, Score, detect, score
from xmsda.demo.errors import DemoError
from xmsda.demo.implementations import GRID_SAMPLE, IMPLEMENTATIONS, XMSDA, count_operators
from xmsda.demo.model import load_model, save_model
from xmsda.demo.photo import LabelledPhoto, load_picture, load_voc_photo
from xmsda.demo.train import (
    Agreement,
    Trainer,
    bound_from_control,
    first_losses,
    relative_deviations,
    rounding_noise,
)

# Training steps between two looks at what has been found so far: a look costs a third of a step.
_LOOK_EVERY = 25


@dataclass(frozen=True)
class Settings:
    """Options of a training run; the command line's help says what each means."""

    out: Path
    seed: int
    steps: int
    compare_steps: int
    threads: int
    rounds: int


@dataclass(frozen=True)
class Operators:
    """Which operators a forward pass calls, by implementation, and the SIMD target that xmsda ran on."""

    calls: dict[str, dict[str, int]]
    target: str


@dataclass(frozen=True)
class View:
    """What the trained model detects on the photo or on its mirror image."""

    photo: LabelledPhoto
    detections: Detections
    score: Score


@dataclass(frozen=True)
class Training:
    """What came out of a training run with xmsda; `seconds` is without the compared first steps."""

    trainer: Trainer
    losses: list[float]
    seconds: float
    views: dict[str, View]


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        expand=True,
    )


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror
        raise DemoError(f"--out: expected a directory that can be written, got {str(path)!r}: {reason}") from None


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def check_operators(trainer: Trainer) -> Operators:
    """Run one forward pass with each implementation and make sure that it calls its own operator only.

    Raises
    ------
    DemoError
        When the wrong operator ran: everything that follows would compare something with itself.
    """
    calls = {name: count_operators(name, trainer.forward) for name in IMPLEMENTATIONS}
    for name, counts in calls.items():
        if any((count > 0) != (operator == name) for operator, count in counts.items()):
            raise DemoError(f"a forward pass with {name} should call {name} only, but the calls were {counts}", 1)
    return Operators(calls, xmsda.last_target())


def compare_first_losses(console: Console, photo: LabelledPhoto, settings: Settings, trainer: Trainer) -> Agreement:
    """Train the first steps with both implementations from the same seed; leave `trainer` after those steps with xmsda.

    Raises
    ------
    DemoError
        When a loss deviates by more than its bound.
    """
    count = settings.compare_steps
    losses = {}
    with _progress(console) as progress:
        task = progress.add_task("", total=3 * count)

        def run(title: str, name: str, of: Trainer) -> list[float]:
            progress.update(task, description=f"first {count} steps: {title}")
            with IMPLEMENTATIONS[name]():
                return first_losses(of, count, lambda: progress.advance(task))

        losses[GRID_SAMPLE] = run(GRID_SAMPLE, GRID_SAMPLE, Trainer(photo, settings.seed, settings.steps))
        control_trainer = Trainer(photo, settings.seed, settings.steps)
        with rounding_noise(control_trainer.model, settings.seed):
            control = run(f"{GRID_SAMPLE} with rounding noise", GRID_SAMPLE, control_trainer)
        losses[XMSDA] = run(XMSDA, XMSDA, trainer)
    agreement = Agreement(
        losses=losses,
        deviations=relative_deviations(losses[XMSDA], losses[GRID_SAMPLE]),
        bounds=bound_from_control(relative_deviations(control, losses[GRID_SAMPLE])),
    )
    report.print_agreement(console, agreement)
    if not agreement.holds:
        worst = max(range(count), key=lambda step: agreement.deviations[step] / agreement.bounds[step])
        raise DemoError(
            f"losses do not agree at step {worst + 1}: {GRID_SAMPLE} {losses[GRID_SAMPLE][worst]:.8g}, "
            f"{XMSDA} {losses[XMSDA][worst]:.8g}, relative difference {agreement.deviations[worst]:.2e}, "
            f"bound {agreement.bounds[worst]:.2e}",
            exit_code=1,
        )
    return agreement


def train(
    console: Console, photo: LabelledPhoto, settings: Settings, trainer: Trainer, losses: list[float]
) -> Training:
    """Go on training with xmsda after the steps that `losses` holds, up to `settings.steps`."""
    losses = list(losses)
    start = time.perf_counter()
    with IMPLEMENTATIONS[XMSDA](), _progress(console) as progress:
        task = progress.add_task("training with xmsda", total=settings.steps, completed=len(losses))
        found = ""
        while len(losses) < settings.steps:
            losses.append(trainer.step().loss)
            if len(losses) % _LOOK_EVERY == 0:
                so_far = [view.score for view in _look(trainer, photo).values()]
                found = f", found {so_far[0].found}+{so_far[1].found} of {so_far[0].labelled}+{so_far[1].labelled}"
            progress.update(task, advance=1, description=f"training with xmsda: loss {losses[-1]:.3f}{found}")
        seconds = time.perf_counter() - start
        return Training(trainer, losses, seconds, _look(trainer, photo))


def _look(trainer: Trainer, photo: LabelledPhoto) -> dict[str, View]:
    views = {}
    for name, view in (("photo", photo), ("mirror", photo.mirrored())):
        detections = detect(trainer.model, view.pixels)
        views[name] = View(view, detections, score(detections, view))
    return views


def measure(console: Console, trainer: Trainer, settings: Settings) -> list[timing.Row]:
    """Time a training step, the model's MSDA calls, and a full-size encoder call, interleaved."""
    recorded = timing.recorded_calls(trainer.model, trainer.forward)
    calls = [(name, call, settings.rounds) for name, call in recorded.items()]
    # A full-size call takes grid_sample seconds: fewer of them.
    calls.append(("full-size", timing.full_size_call(settings.seed), max(3, settings.rounds // 5)))
    step_rounds = max(3, settings.rounds // 2)
    with _progress(console) as progress:
        # Every timing comes with one round of warm-up, and a round with two implementations.
        total = 2 * (step_rounds + 1 + sum(rounds + 1 for *_, rounds in calls))
        task = progress.add_task("timing: training step", total=total)

        def advance() -> None:
            progress.advance(task)

        rows = timing.rows("training step", "", timing.time_steps(trainer, step_rounds, advance))
        for name, call, rounds in calls:
            progress.update(task, description=f"timing: {name} call")
            subject = f"{name} call, {call.weights.shape[1]} queries"
            rows += timing.rows(subject, call.problem(), timing.time_call(call, rounds, advance))
    return rows


def _print_introduction(console: Console, photo: LabelledPhoto, settings: Settings, trainer: Trainer) -> None:
    height, width = photo.pixels.shape[:2]
    parameters = sum(parameter.numel() for parameter in trainer.model.parameters())
    console.print(
        f"Deformable-DETR with {parameters / 1e6:.1f} million parameters, untrained; a batch is one photo of "
        f"{width}x{height} pixels with {len(photo.boxes)} labelled objects and its mirror image; seed {settings.seed}, "
        f"{report.plural(settings.threads, 'thread')}"
    )


def run_training(console: Console, settings: Settings) -> None:
    """Compare, train, time, and leave everything in `settings.out`.

    Raises
    ------
    DemoError
        When the directory cannot be written, the losses do not agree, or xmsda is not what ran.
    """
    _make_directory(settings.out)
    photo = load_voc_photo()
    with _threads(settings.threads):
        trainer = Trainer(photo, settings.seed, settings.steps)
        _print_introduction(console, photo, settings, trainer)
        operators = check_operators(trainer)
        console.print(
            f"one forward pass calls grid_sample {operators.calls[GRID_SAMPLE][GRID_SAMPLE]} times; patched, "
            f"xmsda {operators.calls[XMSDA][XMSDA]} times (target {operators.target}) and grid_sample never\n"
        )
        agreement = compare_first_losses(console, photo, settings, trainer)
        training = train(console, photo, settings, trainer, agreement.losses[XMSDA])
        _print_training(console, settings, training)
        facts = {"steps": settings.steps, "seed": settings.seed}
        model_path = save_model(trainer.model, settings.out, facts)
        rows = measure(console, trainer, settings)
    report.print_times(console, rows, settings.threads)
    paths = _write_results(settings, operators, agreement, training, rows) | {"model": model_path}
    console.print()
    for name, path in paths.items():
        console.print(f"{name:8} {path}", soft_wrap=True)


def _print_training(console: Console, settings: Settings, training: Training) -> None:
    steps = settings.steps - settings.compare_steps
    console.print(
        f"trained {steps} steps of two pictures in {training.seconds:.0f} s, "
        f"{training.seconds / max(1, steps):.2f} s a step"
    )
    for name, view in training.views.items():
        count = report.plural(len(view.detections.scores), "detection")
        console.print(
            f"{name + ':':7} found {view.score.found} of {view.score.labelled} objects (right class, IoU > "
            f"{IOU_THRESHOLD}, score > {SCORE_THRESHOLD}) with {count}, mean IoU {view.score.mean_iou:.2f}"
        )
    console.print()


def _write_results(
    settings: Settings,
    operators: Operators,
    agreement: Agreement,
    training: Training,
    rows: list[timing.Row],
) -> dict[str, Path]:
    names = {
        "photo": "photo.png",
        "mirror": "mirror.png",
        "losses": "losses.png",
        "times": "times.png",
        "results": "results.json",
    }
    paths = {name: settings.out / file for name, file in names.items()}
    for name, view in training.views.items():
        charts.draw_labels_and_detections(paths[name], view.photo, view.detections, view.score)
    charts.draw_losses(paths["losses"], training.losses, agreement)
    charts.draw_times(paths["times"], rows, settings.threads)
    results = {
        "settings": {name: value for name, value in dataclasses.asdict(settings).items() if name != "out"},
        "versions": {"xmsda": xmsda.__version__, "torch": torch.__version__},
        "target": operators.target,
        "operator_calls": operators.calls,
        "agreement": dataclasses.asdict(agreement) | {"holds": agreement.holds},
        "losses": training.losses,
        "training_seconds": training.seconds,
        "views": {
            name: {
                "score": dataclasses.asdict(view.score),
                "detections": report.detection_records(view.detections, view.photo.class_names),
            }
            for name, view in training.views.items()
        },
        "times_in_seconds": [dataclasses.asdict(row) for row in rows],
    }
    paths["results"].write_text(json.dumps(results, indent=1) + "\n")
    return paths


def run_on_picture(console: Console, path: Path, out: Path, threads: int) -> None:
    """Detect objects on a picture with the trained model in `out`; print them and draw them beside the model.

    Raises
    ------
    DemoError
        When the picture or the model cannot be read, or the result not be written.
    """
    pixels = load_picture(path)
    model = load_model(out)
    labels = {int(index): str(name) for index, name in (model.config.id2label or {}).items()}
    class_names = tuple(labels[index] for index in range(len(labels)))
    with _threads(threads), IMPLEMENTATIONS[XMSDA]():
        detections = detect(model, pixels)
    result = out / f"{path.stem}-detections.png"
    try:
        charts.draw_detections(result, pixels, detections, class_names)
    except OSError as error:
        raise DemoError(f"--out: cannot write {str(result)!r}: {error.strerror}") from None
    report.print_detections(console, f"Detections on {path.name}", detections, class_names)
    console.print("The model has seen one photo and its mirror image: on any other picture its boxes mean little.")
    console.print(f"picture  {result}", soft_wrap=True)
