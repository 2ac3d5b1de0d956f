"""Tables for papers and pages: one table of text cells, as LaTeX with booktabs, Markdown and HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import escape

_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "[": "{[}", "]": "{]}",  # would be an option of what stands before
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "−": "$-$", "×": r"$\times$", "–": "--", "<": "$<$",
    ">": "$>$", "≥": r"$\geq$", "±": r"$\pm$", "\u00a0": "~",
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Cells as text of one line; the first column names the row and stands left, numbers stand right.

    With `prose` all columns are words: they stand left, and the last is set in lines.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    prose: bool = False

    def markdown(self) -> str:
        ruler = (":--", *(":--" if self.prose else "--:" for _ in self.head[1:]))
        lines = (self.head, ruler, *self.rows)
        return "".join("| " + " | ".join(map(_markdown, row)) + " |\n" for row in lines)

    def latex(self, label: str) -> str:
        """A floating table; needs \\usepackage{booktabs}."""
        lines = [
            r"% \usepackage{booktabs}",
            r"\begin{table}[htbp]",
            r"\centering",
            rf"\caption{{{latex(self.caption)}}}",
            rf"\label{{tab:{re.sub(r'[^A-Za-z0-9-]+', '-', label)}}}",
            rf"\begin{{tabular}}{{{self._columns()}}}",
            r"\toprule",
            _line(self.head),
            r"\midrule",
            *map(_line, self.rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"

    def _columns(self) -> str:
        others = len(self.head) - 1
        return f"l{'l' * (others - 1)}p{{0.55\\linewidth}}" if self.prose else f"l{'r' * others}"

    def html(self) -> str:
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in self.head)
        rows = (
            f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>\n'
            for row in self.rows
        )
        return (
            f"<table>\n<caption>{escape(self.caption)}</caption>\n<thead><tr>{head}</tr></thead>\n"
            f"<tbody>\n{''.join(rows)}</tbody>\n</table>\n"
        )


def latex(text: str) -> str:
    """Text with what LaTeX would take for commands escaped."""
    return "".join(_SPECIAL.get(letter, letter) for letter in " ".join(text.split()) if letter.isprintable())


def _markdown(text: str) -> str:
    for letter in "\\|<*_`":
        text = text.replace(letter, f"\\{letter}")
    return " ".join(text.split())


def _line(cells: Sequence[str]) -> str:
    return " & ".join(map(latex, cells)) + r" \\"
