"""How the reviewing is done, as lines of text: agreement, overruled judges and rules, planted copies, pace."""

from collections.abc import Iterator

from simia_tui.evaluation.agreement import Agreement
from simia_tui.evaluation.interval import Share
from simia_tui.services.care import Care
from simia_tui.tui.text import clip, fit, visible
from simia_tui.tui.widgets.card_lines import share_text
from simia_tui.tui.widgets.turn_lines import GAP, Line, plural

NAME = 34


def care_lines(care: Care | None, width: int) -> list[Line]:
    """`care` for one width; None: it is still being worked out."""
    if care is None:
        return [Line((("Working it out …", "muted"),))]
    return [*_agreement(care, width), GAP, *_overrides(care, width), GAP, *_reviewers(care, width)]


def _row(name: str, text: str, width: int, ink: str = "") -> Line:
    room = min(NAME, width // 2)
    return Line(((fit(visible(name), room) + "  ", ""), (clip(visible(text), width - room - 2), ink)))


def coefficient(found: Agreement) -> str:
    """`0.62 (0.41–0.80), 50 items, alike on 84 %`."""
    alike = f", alike on {100 * found.observed:.0f} %" if found.observed is not None else ""
    if found.value is None or found.low is None or found.high is None:
        return f"cannot be said{alike}: {plural(found.n, 'item')} by two or more" if found.n else "nothing judged twice"
    return f"{found.value:.2f} ({found.low:.2f}–{found.high:.2f}), {plural(found.n, 'item')}{alike}"


def _heading(text: str, note: str) -> Line:
    return Line(((text, "strong"), (f"   {note}", "muted")))


def _agreement(care: Care, width: int) -> Iterator[Line]:
    yield _heading("Agreement of reviewers", "1 always, 0 as by chance; 95 % intervals")
    yield _row("all, Krippendorff's alpha", coefficient(care.together), width)
    for a, b, found in care.pairs:
        yield _row(f"{a} and {b}, Cohen's kappa", coefficient(found), width)
    yield _row("opinions differ on", plural(care.disputed, "item"), width, "warning" if care.disputed else "")


def _overrides(care: Care, width: int) -> Iterator[Line]:
    yield _heading("Overruled by people", "of what was judged blind")
    for one in care.overrides:
        yield _row(f"{one.who} {one.said}", _of(one.share), width)
    if not care.overrides:
        yield Line((("nothing was judged blind yet", "muted"),))


def _reviewers(care: Care, width: int) -> Iterator[Line]:
    yield _heading("Care of reviewers", "planted copies seen, decisions faster than reading")
    for one in care.reviewers:
        seen = f"saw {_of(one.caught)}" if one.caught.n else "met no planted copy"
        yield _row(one.name, f"{seen};  hasty {_of(one.hasty)};  {one.seconds / 60:.0f} min", width)
    if not care.reviewers:
        yield Line((("nobody has decided with a clock running yet", "muted"),))


def _of(share: Share) -> str:
    return f"{share.k} of {share.n}: {share_text(share)}" if share.n else "none"
