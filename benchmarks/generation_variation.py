"""What variation does: how evenly a job covers its axes, and how many near-duplicates it brings with and without.

    python benchmarks/generation_variation.py [--seeds 200] [--each 10]

The demo model answers; "without" sends each seed's prompt the same way every time, as the reference does.
"""

import argparse
from collections import Counter, defaultdict

from simia_tui import demo, domains, resources
from simia_tui.checks import similarity
from simia_tui.demo.prompt import read
from simia_tui.demo.reply import answer
from simia_tui.model import Origin, Trajectory
from simia_tui.simulate import reply as replies
from simia_tui.simulate.synthesize import Writer
from simia_tui.simulate.variation import chi_square


def near_duplicates(episodes: list[Trajectory]) -> int:
    """How many of them are nearly a copy of an earlier one."""
    index: dict[int, list[similarity.Signature]] = defaultdict(list)
    found = 0
    for episode in episodes:
        signature = similarity.signature(episode)
        bands = similarity.bands(signature)
        candidates = {id(one): one for band in bands for one in index[band]}.values()
        found += any(similarity.estimate(signature, one) >= similarity.THRESHOLD for one in candidates)
        for band in bands:
            index[band].append(signature)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--each", type=int, default=10)
    options = parser.parse_args()
    pack = domains.load("library", [resources.prompts()])
    seeds = demo.seeds(options.seeds, 5)
    writers = [Writer(pack, seed, seed.tools) for seed in seeds]
    n = options.seeds * options.each
    axes: dict[str, Counter[str]] = defaultdict(Counter)
    made: dict[str, list[Trajectory]] = {"with": [], "without": []}
    for ord_ in range(n):
        place = ord_ % options.seeds
        for name, value in writers[place].axes(ord_, 0).items():
            axes[name][value] += 1
        for kind, number in (("with", ord_), ("without", place)):
            text = answer(read(writers[place].prompt(number, 0).messages), 0, 0.0, None).text
            episode, _ = replies.parse(text, seeds[place], seeds[place].tools, Origin(job=1, ord=ord_))
            assert episode is not None
            made[kind].append(episode)
    print(f"{options.seeds} seeds, {options.each} episodes each")
    print(f"{'axis':14} {'values':>6} {'least':>6} {'most':>6} {'chi-square':>10}")
    for name, counts in axes.items():
        values = list(counts.values())
        print(f"{name:14} {len(values):6} {min(values):6} {max(values):6} {chi_square(values):10.4f}")
    for kind, episodes in made.items():
        near = near_duplicates(episodes)
        print(f"near-duplicates {kind} variation: {near} of {n} ({near / n:.1%})")


if __name__ == "__main__":
    main()
