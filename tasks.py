"""The command line: each task takes its options, calls one function and prints the result. No logic here.

`inv --list` lists the tasks, `inv TASK --help` describes one. Imports are inside the tasks, so that listing them is
quick and TensorFlow is loaded only by the stages that need it.
"""

import os
import sys
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit

from tools import registry
from tools.command_line import convert, kerf_task, main, name_words
from tools.options import FIRMWARE, SOURCE, Share, Whole
from tools.visible import visible


def _epochs(text: str) -> int | None:
    return convert("epochs", text, Whole(0)) if text else None


def progress() -> Any:
    from tools.progress import TerminalProgress

    return TerminalProgress()


@kerf_task("json")
def demo(ask: Any, json: bool) -> None:
    """Every step on `digits`: train, quantize, render, build, emulate, compare, report."""
    from tools import pipeline, report

    tell = progress()
    result = pipeline.run(ask, tell)
    pipeline.compare(ask, tell)
    page = pipeline.write_report(tell)
    report.show_run(result, json)
    if not json:
        print(visible(f"report: {os.path.relpath(page)}"))
    pipeline.require_match([result])


@kerf_task("json")
def doctor(ask: Any, json: bool) -> None:
    """What is installed, what is missing and how to get it, and which boards are plugged in."""
    from tools import boards, doctor, report, targets
    from tools.report import describe

    findings = doctor.examine()
    report.show_doctor(findings, describe.all_boards(boards.plugged_in(), targets.load()), json)
    doctor.require(findings)


@kerf_task("json")
def models(ask: Any, json: bool) -> None:
    """The models that come with kerf."""
    from tools import report
    from tools.report import describe

    report.show_rows(describe.all_models(), json)


@kerf_task("json", search=("", "list PlatformIO's boards whose id, name, maker or chip contains this word instead"))
def targets(ask: Any, search: str, json: bool) -> None:
    """The boards and emulated machines in platformio.ini; any other board with an Arduino core is arduino:BOARD."""
    from tools import catalog, report, targets
    from tools.report import describe

    report.show_rows(catalog.search(search) if search else describe.all_targets(targets.load()), json)


@kerf_task("json")
def ops(ask: Any, json: bool) -> None:
    """Operators x types x runtimes: what runs where."""
    from tools import pipeline, report
    from tools.report import describe

    types = {name: runtime.types() for name, runtime in pipeline.RUNTIMES.items()}
    report.show_ops(describe.all_ops(types), describe.coverage(*pipeline.tflm_operators()), json)


@kerf_task(
    "skip_bad json",
    model=("digits", "a name from `inv models`"),
    data=("", "a folder with one subfolder of images per class, instead of the model's own data"),
    epochs=("", "number of epochs (default: the model's own)"),
    seed=(Whole(1), "seed for the initial weights and the order of the data"),
)
def train(ask: Any, epochs: str, seed: int, json: bool) -> None:
    """Train a model that comes with kerf."""
    from tools import pipeline, report
    from tools.report import describe

    trained = pipeline.train(ask, progress(), epochs=_epochs(epochs), seed=seed)
    report.show_rows([describe.trained(trained)], json)


@kerf_task(
    "model data skip_bad pixels json",
    channels=(Share(0), "fraction of each layer's filters to remove, smallest first: 0.25 … 0.75"),
    sparsity=(Share(0), "fraction of the weights to set to zero, smallest first: 0.5 … 0.9"),
    qat=(False, "quantization-aware training for int8; the result is an int8 .tflite"),
    epochs=("", "number of epochs to fine-tune after each step (default: the model's own)"),
)
def compress(ask: Any, channels: float, sparsity: float, qat: bool, epochs: str, json: bool) -> None:
    """Prune a trained model and fine-tune it; the result has a name such as digits+sparse0.8."""
    from tools import pipeline, report
    from tools.report import describe

    made = pipeline.compress(ask, progress(), channels, sparsity, qat, _epochs(epochs))
    report.show_compressed([describe.compressed(step) for step in made], json)


@kerf_task(
    SOURCE,
    mode=("", "float32, float16, dynamic, int8 (default), int16x8, int4, a comma-separated list, or all"),
)
def quantize(ask: Any, json: bool) -> None:
    """Convert a model to .tflite and compute its reference vectors."""
    from tools import pipeline, report
    from tools.report import describe

    report.show_quantized([describe.quantized(made) for made in pipeline.quantize_all(ask, progress())], json)


@kerf_task(
    SOURCE,
    html=("", "write an HTML page to this file, with the float weights beside the integers"),
    open=(False, "open the .tflite in Netron, in a browser on this machine"),
)
def inspect(ask: Any, html: str, open: bool, json: bool) -> None:
    """Layers, tensors, quantization, weight histograms, sizes and the memory plan of a model."""
    from tools import files, pipeline, report
    from tools.report import inspect_page

    if open:
        pipeline.view(ask, progress())
        return
    if html:
        files.check_page(Path(html))
    found = pipeline.inspect(ask, progress(), with_original=bool(html))
    if html:
        files.write(Path(html), inspect_page.html(found).encode())
        print(visible(html))
        return
    report.show_inspection(found, json)


@kerf_task(
    FIRMWARE,
    out=("", "the folder to write (default: under build/)"),
    force=(False, "overwrite files that have changed since kerf wrote them"),
)
def render(ask: Any, out: str, force: bool, json: bool) -> None:
    """Render a complete PlatformIO project; `pio run` works inside it, away from this repository."""
    from tools import pipeline, report
    from tools.report import describe

    rendered = pipeline.render_to_disk(ask, progress(), Path(out) if out else None, force=force)
    report.show_rows([describe.rendered(rendered.project, str(rendered.directory))], json)


@kerf_task(
    FIRMWARE,
    format=(
        "",
        f"the build system of your program: {', '.join(n for n in registry.names('packages') if n != 'bench')}",
    ),
    out=("", "the folder to write (default: under build/)"),
    name=("", "the prefix of all functions and files (default: the model's name)"),
    live=(False, "add a script that exports the library again before a build if the model or kerf has changed"),
    force=(False, "overwrite files that have been edited since kerf wrote them"),
)
def export(ask: Any, format: str, out: str, name: str, live: bool, force: bool, json: bool) -> None:
    """Package the model as a library with a C header, for your own program."""
    from tools import pipeline, report
    from tools.report import describe

    made = pipeline.export(ask, progress(), format, Path(out) if out else None, name, live=live, force=force)
    is_measured = made.library.record is not None
    report.show_rows([describe.exported(made.project, made.library.name, str(made.directory), is_measured)], json)


@kerf_task(FIRMWARE)
def build(ask: Any, json: bool) -> None:
    """Build the firmware with PlatformIO and compare its sizes with the board's limits."""
    from tools import pipeline, report
    from tools.report import describe

    built = pipeline.build(ask, progress())
    report.show_rows([describe.image(built.image, built.rendered.target)], json)


@kerf_task(FIRMWARE + " port")
def flash(ask: Any, json: bool) -> None:
    """Build if needed and flash the board (without --port, found by its USB id)."""
    from tools import pipeline, report
    from tools.report import describe

    built, port = pipeline.flash(ask, progress())
    report.show_rows([describe.flashed(built.image, port)], json)


@kerf_task("target port")
def monitor(ask: Any) -> None:
    """Show what the board prints and send what you type; Ctrl-C to quit."""
    from tools import pipeline

    pipeline.monitor(ask)


@kerf_task(FIRMWARE + " emulator port any_firmware check_arena power samples")
def run(ask: Any, json: bool) -> None:
    """Build if needed, start the emulator or open the serial port, send the test set, compare and measure."""
    from tools import pipeline, report

    result = pipeline.run(ask, progress())
    report.show_run(result, json)
    pipeline.require_match([result])


@kerf_task(FIRMWARE + " emulator", listen=(Whole(0), "the TCP port to listen on (default: a free one)"))
def emulate(ask: Any, listen: int, json: bool) -> None:
    """Run the firmware in its emulator, with its serial line on a URL for other programs, until Ctrl-C."""
    from tools import pipeline, report
    from tools.report import describe

    def show(started: pipeline.Emulated) -> None:
        report.show_rows([describe.emulated(started.project, started.emulator, started.url)], json)
        sys.stdout.flush()

    pipeline.emulate(ask, progress(), listen, show)


@kerf_task(
    "emulator port any_firmware power data skip_bad pixels calibration strip stateful samples json",
    models=("digits", "comma-separated names or paths"),
    modes=("", "comma-separated modes, or all (default: int8; a .tflite has its own)"),
    runtimes=("aot", "comma-separated runtimes"),
    targets=("stm32f4", "comma-separated targets"),
    optimize=("", "comma-separated goals of aot: speed, size, ram (default: the first with which the model fits)"),
    cycles=(False, "also estimate the cycles of a Cortex-M4 or M7 from what QEMU executes"),
    jobs=(Whole(1), "number of runs at the same time, each in an emulator or on a board of its own"),
)
def bench(
    ask: Any, models: str, modes: str, runtimes: str, targets: str, optimize: str, cycles: bool, jobs: int, json: bool
) -> None:
    """Run models x modes x runtimes x targets and print tables of results, of cost and of layers."""
    from tools import pipeline, report

    results = pipeline.bench_all(ask, models, modes, runtimes, targets, progress(), optimize, cycles, jobs)
    report.show_bench(results, json)
    pipeline.require_match(results)


@kerf_task(
    "emulator port data skip_bad pixels strip samples json",
    models=("digits", "comma-separated names or paths"),
    modes=("", "comma-separated modes, or all (default: int8; a .tflite has its own)"),
    runtimes=("aot", "comma-separated runtimes"),
    targets=("stm32f4", "comma-separated targets"),
    optimize=("", "comma-separated goals of aot: speed, size, ram (default: the first with which the model fits)"),
    calibration=("balanced", "comma-separated choices of calibration samples: balanced, or how many to draw at random"),
    channels=("0", "comma-separated fractions of each layer's filters to remove: 0,0.25,0.5"),
    sparsity=("0", "comma-separated fractions of the weights to set to zero: 0,0.8"),
    qat=("no", "quantization-aware training for int8: no, yes, or no,yes to try both"),
    vary=([], "a hyperparameter of the model and its values, such as filters=8,16; repeat it for others"),
    random=(Whole(0), "try so many configurations, chosen at random (default: all)"),
    seed=(Whole(1), "with --random: another seed chooses others"),
    max_flash=(Whole(0), "leave out what needs more bytes of flash (default: no limit)"),
    max_ram=(Whole(0), "leave out what needs more bytes of RAM (default: no limit)"),
    max_time=(Whole(0), "leave out what takes more instructions, cycles or microseconds, as the target counts"),
    min_accuracy=(Share(0), "leave out what is less accurate: 0.95"),
    scheduler=(
        "",
        "a Dask scheduler such as tcp://192.168.1.7:8786, whose workers do the work (default: this machine)",
    ),
    jobs=(Whole(0), "number of workers on this machine (default: one for every two cores, at least two)"),
)
def sweep(
    ask: Any,
    models: str,
    modes: str,
    runtimes: str,
    targets: str,
    optimize: str,
    calibration: str,
    channels: str,
    sparsity: str,
    qat: str,
    vary: list[str],
    random: int,
    seed: int,
    max_flash: int,
    max_ram: int,
    max_time: int,
    min_accuracy: float,
    scheduler: str,
    jobs: int,
    json: bool,
) -> None:
    """Measure many configurations at once and show which of them no other beats; go on after an interrupt."""
    from tools import pipeline, report

    axes = pipeline.Axes(models, modes, runtimes, targets, optimize, calibration, channels, sparsity, qat, tuple(vary))
    limits = pipeline.Limits(max_flash or None, max_ram or None, max_time or None, min_accuracy or None)
    swept = pipeline.sweep(ask, axes, progress(), random, seed, limits, scheduler, jobs)
    report.show_sweep(swept.results, swept.front, json)
    pipeline.require_swept(swept)


@kerf_task(
    scheduler=("", "the address of the Dask scheduler, such as tcp://192.168.1.7:8786"),
    port=("", "also offer the board at this serial port, or auto for all boards found by their USB ids"),
    targets=("", "comma-separated targets to offer (default: all whose emulator is installed or board is found)"),
)
def worker(ask: Any, scheduler: str, port: str, targets: str) -> None:
    """Work for `inv sweep --scheduler …` with this machine's boards and emulators, until Ctrl-C."""
    from tools import pipeline

    pipeline.work_for(scheduler, port, targets, progress())


@kerf_task(
    "mode json",
    folder=("", "the folder, searched with all folders in it; `survey FOLDER` works too"),
    convert=(False, "also try .keras, .h5 and SavedModel files, whose conversion takes about half a minute each"),
    samples=(Whole(3), "number of random samples per file"),
    timeout=(Whole(300), "seconds that one file may take"),
)
def survey(ask: Any, folder: str, convert: bool, timeout: int, json: bool) -> None:
    """Try every model file in a folder on this machine: what runs, and which operators stop the rest."""
    from tools import pipeline, report
    from tools.errors import UsageError

    if not folder:
        raise UsageError("give the folder to survey: inv survey FOLDER")
    found = pipeline.survey(Path(folder), ask, progress(), convert, timeout)
    report.show_survey(found.to_json(), json)
    pipeline.require_surveyed(found)


@kerf_task(
    FIRMWARE + " emulator port any_firmware",
    target=("interpreter", "a name from `inv targets`, or interpreter: TFLM's or LiteRT's on this machine"),
    images=([], "image files, folders of images, or quoted patterns; `classify IMAGE…` works too"),
)
def classify(ask: Any, images: list[str], json: bool) -> None:
    """Classify images, with probabilities, on this machine or on a target."""
    from tools import pipeline, report

    report.show_rows([prediction.row() for prediction in pipeline.classify(ask, images, progress())], json)


@kerf_task(
    FIRMWARE + " emulator port any_firmware",
    samples=(Whole(1), "number of test samples for which the device sends the output of every layer"),
)
def compare(ask: Any, samples: int, json: bool) -> None:
    """Compare layer by layer: float, LiteRT, TFLM, device; name the first that diverges and the usual cause."""
    from tools import pipeline, report

    report.show_comparison(pipeline.compare(ask, progress(), samples), json)


@kerf_task(out=("", "the file to write (default: build/report.html)"))
def report(ask: Any, out: str) -> None:
    """Write the measurements as a self-contained HTML page."""
    from tools import pipeline

    print(visible(str(pipeline.write_report(progress(), Path(out) if out else None))))


@kerf_task("json", update=(False, "rewrite tests/budgets/budgets.csv with what is measured now"))
def budgets(ask: Any, update: bool, json: bool) -> None:
    """Compare instructions, flash and RAM of known firmware with the committed figures; fail if any differs."""
    from tools import pipeline, report
    from tools.report import describe

    checked = pipeline.check_budgets(progress(), update=update)
    report.show_budgets([describe.budget(each) for each in checked], json)
    pipeline.require_budgets(checked, updated=update)


@kerf_task(
    only=("", "run the tests whose names match (pytest -k)"),
    port=("", "run the board tests too, on the board at this serial port"),
    target=("", "with --port: the board's target"),
)
def test(ask: Any, only: str, port: str, target: str) -> None:
    """Run the test suite; tests that need a board or a missing tool are skipped, with the reason."""
    from tools import checks, targets

    if target:
        targets.find(target)
    raise Exit(code=checks.test(only, port, target))


@kerf_task(
    "json",
    fault=("", "one kind of fault (default: all; `soak NAME` works too)"),
    seed=(Whole(1), "the first attack's seed; the same seed attacks in the same way"),
    minutes=(Whole(10), "how long to attack, all kinds together; 0: one attack of each"),
    tests=(False, "instead, run the suite's long tests: every case of every table, on every core, and all budgets"),
    only=("", "the long tests whose names match (pytest -k)"),
)
def soak(ask: Any, fault: str, seed: int, minutes: int, tests: bool, only: str, json: bool) -> None:
    """Attack kerf with damaged files, bad lines and failing tools, and count how each attack ends."""
    from tools import checks

    raise Exit(code=checks.long_tests(only) if tests or only else checks.soak(fault, seed, minutes, as_json=json))


@kerf_task(fix=(False, "fix what can be fixed automatically"))
def check(ask: Any, fix: bool) -> None:
    """Check lint, formatting and types, in Python and C++."""
    from tools import checks

    raise Exit(code=checks.check(fix))


@kerf_task()
def clean(ask: Any) -> None:
    """Remove build/, once no other kerf is using it."""
    from tools import pipeline

    pipeline.clean(progress())


name_words({"classify": (classify, "--images"), "soak": (soak, "--fault"), "survey": (survey, "--folder")})

if __name__ == "__main__":
    main()
