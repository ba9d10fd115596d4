"""Compare prompt-attack libraries on labelled texts: recall, false alarms, time, memory, network.

    python benchmarks/prompt_attack_candidates.py --data FOLDER [--json FILE] [--only NAME ...]

FOLDER (default: the environment variable LLAMA_MAPPER_DATA) holds, under corpora/, prompt-attacks-1509.jsonl,
prompt-benign-80.jsonl, xstest_prompts.csv and presidio-synth-1500.json. Only the library that won is a
dependency; the others are skipped with a message unless they are installed beside it.

Each candidate is imported in a process of its own in which every connection off the machine is refused and
counted, so a library that quietly downloads a model shows up instead of looking good.

The attack texts were collected by the authors of prompt-armor, and they stand verbatim in the list of known
attacks that its wheel carries: its recall here is an upper bound, and the overlap is printed.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import json
import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

Judge = Callable[[str], bool]


def load_aicordon_dpi() -> Judge:
    """Picket of aicordon, in the mode for a turn that a user typed."""
    from aicordon import picket  # type: ignore[import-not-found]  # noqa: PLC0415

    detector = picket.load(mode="dpi")
    return lambda text: bool(detector.check(text).flagged)


def load_aicordon_ipi() -> Judge:
    """Picket of aicordon, in the mode for data that an agent read."""
    from aicordon import picket  # noqa: PLC0415

    detector = picket.load(mode="ipi")
    return lambda text: bool(detector.check(text).flagged)


def load_prompt_armor_rules() -> Judge:
    """The layers of prompt-armor that work from its wheel alone: L1 (regex) and L4 (structure)."""
    from prompt_armor.config import ShieldConfig  # type: ignore[import-not-found]  # noqa: PLC0415
    from prompt_armor.engine import LiteEngine  # type: ignore[import-not-found]  # noqa: PLC0415

    engine = LiteEngine(ShieldConfig())
    names = [layer.name for layer in engine._layers]  # noqa: SLF001 - tells which layers came up offline
    print(f"prompt-armor layers that came up: {', '.join(names)}", file=sys.stderr)
    return lambda text: engine.analyze(text).decision.value in {"warn", "block"}


def load_prompt_guardrail() -> Judge:
    """prompt-guardrail: TF-IDF and logistic regression, weights in the wheel as pickles."""
    import guardify  # type: ignore[import-untyped]  # noqa: PLC0415

    return lambda text: guardify.detect(text)["label"] != "safe"


CANDIDATES: dict[str, tuple[str, Callable[[], Judge]]] = {
    "aicordon-dpi": ("aicordon", load_aicordon_dpi),
    "aicordon-ipi": ("aicordon", load_aicordon_ipi),
    "prompt-armor": ("prompt-armor", load_prompt_armor_rules),
    "prompt-guardrail": ("prompt-guardrail", load_prompt_guardrail),
}


def read_texts(folder: Path) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The attack texts by category and the benign texts by corpus."""
    corpora = folder / "corpora"
    attacks: dict[str, list[str]] = defaultdict(list)
    for line in (corpora / "prompt-attacks-1509.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        attacks[row["category"]].append(row["text"])
    lines = (corpora / "prompt-benign-80.jsonl").read_text(encoding="utf-8").splitlines()
    with (corpora / "xstest_prompts.csv").open(encoding="utf-8", newline="") as handle:
        safe = [row["prompt"] for row in csv.DictReader(handle) if row["label"] == "safe"]
    synth = json.loads((corpora / "presidio-synth-1500.json").read_text(encoding="utf-8"))
    benign = {
        "look-alikes": [json.loads(line)["text"] for line in lines],
        "xstest-safe": safe,
        "presidio-synth": [row["full_text"] for row in synth],
    }
    return dict(attacks), benign


def refuse_network(attempts: list[str]) -> None:
    """Make every look-up and connection fail, in Python at least, and note the host that was wanted."""

    def refuse(event: str, args: tuple[object, ...]) -> None:
        if event == "socket.getaddrinfo":
            attempts.append(str(args[0]))
            raise OSError("network refused by the benchmark")
        if event == "socket.connect" and isinstance(args[1], tuple):
            attempts.append(str(args[1][0]))
            raise OSError("network refused by the benchmark")

    sys.addaudithook(refuse)


def share(judge: Judge, texts: Iterable[str], times: list[float]) -> float:
    """Share of the texts that the candidate flags; the milliseconds of each call go to ``times``."""
    flagged, count = 0, 0
    for text in texts:
        start = time.perf_counter()
        flagged += judge(text)
        times.append((time.perf_counter() - start) * 1000)
        count += 1
    return flagged / count


def measure(name: str, folder: str, answer: Connection) -> None:
    """Runs in the candidate's own process and sends its figures through the pipe."""
    attempts: list[str] = []
    refuse_network(attempts)
    attacks, benign = read_texts(Path(folder))
    package, load = CANDIDATES[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    judge = load()
    judge("warm")
    loaded = time.perf_counter() - start
    times: list[float] = []
    recall = {category: share(judge, texts, times) for category, texts in attacks.items()}
    false_alarms = {corpus: share(judge, texts, times) for corpus, texts in benign.items()}
    longest = max((text for texts in attacks.values() for text in texts), key=len)
    big = (longest * (65536 // len(longest) + 1))[:65536]
    start = time.perf_counter()
    judge(big)
    answer.send(
        {
            "candidate": name,
            "version": importlib.metadata.version(package),
            "recall": recall,
            "recall_overall": sum(recall[c] * len(t) for c, t in attacks.items())
            / sum(len(t) for t in attacks.values()),
            "false_alarms": false_alarms,
            "ms_p50": statistics.median(times),
            "ms_p95": statistics.quantiles(times, n=20)[-1],
            "ms_64k": (time.perf_counter() - start) * 1000,
            "load_s": loaded,
            "memory_mib": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
            "network_attempts": sorted(set(attempts)),
        }
    )


def overlap_with_prompt_armor(folder: Path) -> float | None:
    """Share of the attack texts that prompt-armor's wheel carries verbatim; None when it is not installed."""
    try:
        files = importlib.metadata.files("prompt-armor") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    known: set[str] = set()
    for file in files:
        if file.name.startswith("known_attacks") and file.name.endswith(".jsonl"):
            for line in Path(str(file.locate())).read_text(encoding="utf-8").splitlines():
                if line.strip():
                    known.add(str(json.loads(line).get("text", "")).strip().lower())
    texts = [text for group in read_texts(folder)[0].values() for text in group]
    return sum(text.strip().lower() in known for text in texts) / len(texts)


def installed(package: str) -> bool:
    """Whether the distribution is there."""
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def print_table(rows: list[dict[str, Any]]) -> None:
    """One column for each candidate."""
    print(f"{'':24}" + "".join(f"{row['candidate'] + ' ' + row['version']:>26}" for row in rows))

    def line(title: str, values: Iterable[str]) -> None:
        print(f"{title:24}" + "".join(f"{value:>26}" for value in values))

    for category in rows[0]["recall"]:
        line(f"recall {category}"[:23], (f"{row['recall'][category]:.3f}" for row in rows))
    line("recall overall", (f"{row['recall_overall']:.3f}" for row in rows))
    for corpus in rows[0]["false_alarms"]:
        line(f"false {corpus}", (f"{row['false_alarms'][corpus]:.4f}" for row in rows))
    for field in ("ms_p50", "ms_p95", "ms_64k", "load_s", "memory_mib"):
        line(field, (f"{row[field]:.2f}" for row in rows))
    line("network attempts", (", ".join(row["network_attempts"]) or "none" for row in rows))


def main() -> None:
    """Measure what is installed, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", default=os.environ.get("LLAMA_MAPPER_DATA"), help="folder with corpora/")
    parser.add_argument("--only", nargs="*", choices=sorted(CANDIDATES), help="candidates to run")
    parser.add_argument("--json", help="file for the figures")
    args = parser.parse_args()
    if not args.data:
        parser.error("give --data or set LLAMA_MAPPER_DATA")
    rows = []
    spawn = multiprocessing.get_context("spawn")
    for name in args.only or CANDIDATES:
        package = CANDIDATES[name][0]
        if not installed(package):
            print(f"{name}: skipped, {package} is not installed", file=sys.stderr)
            continue
        receiver, sender = spawn.Pipe(duplex=False)
        process = spawn.Process(target=measure, args=(name, args.data, sender))
        process.start()
        sender.close()
        try:
            rows.append(receiver.recv())
        except EOFError:
            print(f"{name}: its process ended without figures", file=sys.stderr)
        process.join()
    if not rows:
        parser.exit(1, "no candidate could be measured\n")
    print_table(rows)
    overlap = overlap_with_prompt_armor(Path(args.data))
    if overlap is not None:
        print(f"attack texts that prompt-armor's wheel carries verbatim: {overlap:.1%}")
    if args.json:
        Path(args.json).write_text(
            json.dumps({"candidates": rows, "overlap_prompt_armor": overlap}, indent=2)
        )


if __name__ == "__main__":
    main()
