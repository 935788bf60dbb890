"""Error cards as lines of text for one width: the comparison before a deck, one card, and the end of a deck."""

from collections.abc import Callable, Sequence

from rich.cells import cell_len

from simia_tui.evaluation.calibration import Calibration
from simia_tui.evaluation.interval import Share, wilson
from simia_tui.model import ToolCall, Turn
from simia_tui.services.cards import CardView, KindResult, Summary
from simia_tui.services.observations import Argument
from simia_tui.tui.text import clip, fit, visible, wrap
from simia_tui.tui.widgets.line_view import Part
from simia_tui.tui.widgets.pretty import indent_json
from simia_tui.tui.widgets.turn_lines import GAP, PRETTY_CHARS, Line, plural

Key = Callable[[str], str]
"""The key of an act, as the screen names it."""

LABEL = 11
"""Cells of the words at the left edge of a card."""
SHORT = 6
"""Lines of one part of a card before it is folded, so that a card fits a small terminal."""
OPEN = 2000
TEMPLATES = 8
KIND_WORDS = {"error": "errors", "hidden": "hidden successes", "control": "controls"}


def percent(share: float) -> str:
    """`6.3 %`."""
    return f"{100 * share:.1f} %"


def share_text(share: Share) -> str:
    """`6.3 % (5.0–7.8)`: the 95 % interval in brackets."""
    if share.value is None:
        return "unknown"
    return f"{percent(share.value)} ({100 * share.low:.1f}–{100 * share.high:.1f})"


def chance(p: float) -> str:
    """`p = 0.031`, `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def rate_parts(calibration: Calibration, width: int) -> list[Part]:
    """One domain in one line: both error rates and, where they have drifted apart, the alarm."""
    rate = calibration.rate
    alarm: list[Part] = [("  ▲ drift", "error")] if calibration.alarm else []
    real = share_text(rate.real) if rate.real.n else "none imported"
    ours = share_text(rate.simulated)
    name = visible(calibration.domain)
    room = width - sum(cell_len(text) for text, _ in alarm)
    figures = f"  refused: simulated {ours}, real {real}"
    if cell_len(name) + cell_len(figures) > room:
        figures = f"  sim {ours} real {real}"
    name = clip(name, max(4, room - cell_len(figures)))
    return [(name, "strong"), (clip(figures, room - cell_len(name)), ""), *alarm]


def _alarm_lines(calibration: Calibration) -> list[Line]:
    """What has drifted, and how sure that is."""
    lines = []
    if calibration.rate.alarm:
        said = f"  ▲ refused at another rate than real calls ({chance(calibration.rate.p)}, two proportions)"
        lines.append(Line(((said, "error"),)))
    if calibration.mix.alarm and calibration.mix.p is not None:
        said = f"  ▲ other errors than real tools give ({chance(calibration.mix.p)}, chi-square)"
        lines.append(Line(((said, "error"),)))
    return lines


def compare_lines(calibrations: Sequence[Calibration] | None, size: int, width: int, key: Key) -> list[Line]:
    """The start of the room: simulated against real by domain, then how a deck is begun. `key` names that of an act."""
    if calibrations is None:
        return [GAP, Line((("Comparing simulated with real observations …", "muted"),))]
    if not calibrations:
        simulate = key("app.synthesize")
        text = f"No episode has a tool observation yet: simulate some episodes with {simulate}, then come back."
        return [GAP, *_wrapped(text, width, "muted")]
    lines = [GAP]
    for calibration in calibrations:
        lines += [Line(tuple(rate_parts(calibration, width))), *_alarm_lines(calibration)]
        lines += [*_template_lines(calibration, width), GAP]
    lines += [
        Line(
            (
                (key("cards.enter"), "primary"),
                (f" draws {size} cards, about {size // 3} minutes", ""),
                (f"   {key('cards.larger')} {key('cards.smaller')} other size", "key"),
            )
        )
    ]
    told = (
        "Half are errors, a quarter successes that the rules doubt, a quarter successes at random. Each card asks"
        " one question: could the real tool have said this?"
    )
    return [*lines, GAP, *_wrapped(told, width, "muted")]


def _template_lines(calibration: Calibration, width: int) -> list[Line]:
    """The commonest templates of both sides with their shares."""
    ours, theirs = calibration.simulated, calibration.real
    n, m = ours.total(), theirs.total()
    names = sorted({*ours, *theirs}, key=lambda name: -(ours[name] / max(n, 1) + theirs[name] / max(m, 1)))
    if not names:
        return []
    lines = [Line(((fit("  simulated", 23) + fit("real", 21) + "template of the error", "header"),))]
    for name in names[:TEMPLATES]:
        left, right = (share_text(wilson(side[name], total)) for side, total in ((ours, n), (theirs, m)))
        text = clip(visible(name), max(8, width - 44))
        lines.append(Line(((fit("  " + left, 23), ""), (fit(right, 21), "muted"), (text, ""))))
    if len(names) > TEMPLATES:
        lines.append(Line(((f"  and {plural(len(names) - TEMPLATES, 'other template')}", "muted"),)))
    return lines


def card_lines(view: CardView, width: int, opened: bool, revealed: bool) -> list[Line]:
    """One card. `opened` shows long parts whole; `revealed` shows what the rules say of the call."""
    sign = ("✗ refused", "error") if view.observation.is_error else ("↳ answered", "accent")
    lines = [GAP, *_part(("▸ user", "primary"), _said(view.user), width, opened)]
    lines += _call_lines(view.call, view.arguments, width)
    lines += _part(sign, view.observation.content or "(no content)", width, opened, json=True)
    lines += _part(("◂ next", "success"), _said(view.move), width, opened)
    lines += _near_lines(view, width, opened)
    if revealed:
        lines += _part(("≡ rules", "warning"), view.card.why or "find nothing against this call", width, True)
    return lines


def _said(turn: Turn | None) -> str:
    if turn is None:
        return "(nothing)"
    calls = [f"⚙ {call.name}" for call in turn.tool_calls]
    return "  ".join(filter(None, [turn.content, *calls])) or "(empty)"


def _part(label: Part, text: str, width: int, opened: bool, ink: str = "", json: bool = False) -> list[Line]:
    """A labelled text, folded after a few lines unless `opened`; an empty line after it."""
    room = max(10, width - LABEL)
    limit = OPEN if opened else SHORT
    pretty = indent_json(text) if json and room < len(text) <= PRETTY_CHARS else None
    shown = visible((pretty or text)[: (limit + 1) * room * 2], lines=True)
    wrapped = wrap(shown, room)
    lines = [
        Line((((fit(label[0], LABEL) if n == 0 else " " * LABEL), label[1]), (line, ink)), json=pretty is not None)
        for n, line in enumerate(wrapped[:limit])
    ]
    if len(wrapped) > limit:
        lines.append(Line(((" " * LABEL, ""), ("…  o opens" if not opened else "…  too long to show here", "muted"))))
    return [*lines, GAP]


def _call_lines(call: ToolCall, arguments: Sequence[Argument], width: int) -> list[Line]:
    lines = [Line((("⚙ call".ljust(LABEL), "accent"), (clip(visible(call.name), width - LABEL), "strong")))]
    if call.arguments is None:
        raw = clip(visible(call.raw or ""), max(8, width - LABEL - 30))
        return [*lines, Line(((" " * LABEL + "arguments that are no object: ", "error"), (raw, ""))), GAP]
    names = min(18, (width - LABEL) // 3, max((cell_len(visible(a.name)) for a in arguments), default=0))
    values = max(6, (width - LABEL - names - 4) * 2 // 5)
    return [*lines, *(_argument_line(argument, names, values, width) for argument in arguments), GAP]


def _argument_line(argument: Argument, names: int, values: int, width: int) -> Line:
    value, ink = (argument.value, "") if argument.value is not None else ("not given", "error")
    declared, shade = (argument.declared, "muted") if argument.declared is not None else ("not declared", "warning")
    if argument.value is None:
        declared = f"required {declared}"
    shown = fit(visible(value), min(values, max(9, cell_len(visible(value)))))
    room = width - LABEL - names - cell_len(shown) - 4
    return Line(
        (
            (" " * LABEL + fit(visible(argument.name), names) + "  ", "key"),
            (shown + "  ", ink),
            (clip(visible(declared), max(0, room)), shade),
        )
    )


def _near_lines(view: CardView, width: int, opened: bool) -> list[Line]:
    if view.near is None or view.card.near is None:
        return _part(("≈ real", "muted"), "no seed has called this tool", width, opened, "muted")
    sign = "refused: " if view.near.is_error else "answered: "
    return _part(("≈ real", "muted"), sign + (view.near.content or "(no content)"), width, opened, "muted")


def end_lines(summary: Summary, width: int, key: Key) -> list[Line]:
    """The end of a deck (or the deck so far): bad cards by kind with their limits, then what can be done."""
    lines = [
        GAP,
        Line(((fit("cards", 18) + fit("judged", 8) + fit("bad", 24) + "at most bad (Wilson, 95 %)", "header"),)),
    ]
    for result in summary.kinds:
        lines += _result_lines(result, width)
    told = []
    if summary.waiting:
        told.append(f"{plural(summary.waiting, 'card')} still to judge: {key('cards.pause')} goes back there.")
    if summary.flagged:
        told.append(f"{plural(summary.flagged, 'card')} flagged for a second opinion count on neither side.")
    told.append(
        "Hidden successes were chosen because the rules doubt them, so their share says how often the rules are"
        " right, not how often the simulator is wrong."
    )
    for text in told:
        lines += [GAP, *_wrapped(text, width, "muted")]
    return [*lines, GAP, *_outcome_lines(summary, width, key)]


def _result_lines(result: KindResult, width: int) -> list[Line]:
    bad = result.bad
    head = fit(KIND_WORDS[result.kind], 18) + fit(f"{bad.n}/{result.drawn}", 8)
    found = f"{bad.k}  {percent(bad.value)}" if bad.value is not None else "none judged"
    lines = [
        Line(((head, "strong"), (fit(found, 24), "error" if bad.k else ""), (percent(bad.high) if bad.n else "", "")))
    ]
    for verdict, n in result.verdicts.most_common():
        lines.append(Line(((fit("", 18) + fit(str(n), 8), "muted"), (clip(verdict, width - 26), "muted"))))
    return lines


def _outcome_lines(summary: Summary, width: int, key: Key) -> list[Line]:
    new = key("cards.new")
    if summary.outcome is not None:
        noun, act = {"exclude": ("episode", "excluded"), "mask": ("turn", "masked")}[summary.outcome.action]
        if summary.outcome.job is not None:
            noun, act = "episode", f"written anew by job {summary.outcome.job}"
        back = f"{key('cards.undo')} takes that back, {new} draws another deck"
        return _wrapped(f"✓ {plural(summary.outcome.size, noun)} {act}; {back}.", width, "success")
    if not summary.touched:
        return _wrapped(f"No episode is touched by a bad card. {new} draws another deck.", width, "")
    touched = plural(len(summary.touched), "episode")
    said = f" decides on {touched} with a bad card"
    decide = Line(((key("cards.enter"), "primary"), (said, ""), (f"   {new} another deck", "key")))
    return [decide, *_wrapped("x excludes, m masks in training, r has it written anew from there", width, "muted")]


def choice_lines(choices: Sequence[tuple[str, str]], width: int) -> list[Line]:
    """The keys of a card with their words, in as few lines as hold them; a key never stands apart from its word."""
    rows: list[list[Part]] = [[]]
    used = 0
    for key, word in choices:
        size = cell_len(key) + cell_len(word) + 4
        if rows[-1] and used + size - 3 > width:
            rows.append([])
            used = 0
        rows[-1] += [(key, "primary"), (f" {word}   ", "")]
        used += size
    return [Line(tuple(row)) for row in rows]


def _wrapped(text: str, width: int, ink: str) -> list[Line]:
    return [Line(((line, ink),)) for line in wrap(text, width)]
