"""The part of an export's README about the measurement of the same sources."""

from collections.abc import Mapping
from typing import Any


def figures(target: str, record: Mapping[str, Any] | None) -> str:
    """The figures of a record (docs/records.md) and where to find it, or how to make one; Markdown."""
    if record is None:
        return (
            f"Not measured yet: there is no record of these sources on {target}. Run `inv run` with the same options, "
            f"then export again."
        )
    invoke, flash, ram, clock = (record[key] for key in ("invoke", "flash_bytes", "ram_bytes", "clock"))
    where = f"{target} in {record['emulator']}" if record["emulator"] else target
    time = (
        f"{1000 * invoke['median'] / clock['hz']:,.3f} ms" if clock["hz"] else f"{invoke['median']:,} {clock['unit']}"
    )
    sentences = [f"Measured on {where} with kerf's bench around it: {time} per inference (median of {invoke['n']:,})"]
    if flash and ram:
        sentences.append(f"flash {flash['total']:,} bytes = {flash['code']:,} code + {flash['model']:,} model")
        parts = f"{ram['static']:,} static + {ram['arena']:,} arena + {ram['stack']:,} stack"
        sentences.append(f"RAM {ram['total']:,} bytes = {parts}")
    if record["accuracy"]:
        sentences.append(f"accuracy {record['accuracy']['device']:.4f}")
    sentences.append(f"{record['mismatches']} of {record['samples']} samples differ from the reference")
    build = record["device"]["build"]
    return (
        ";\n".join(sentences)
        + f".\nThe record is in manifest.json, and in kerf's build/measurements.jsonl under build {build}."
    )
