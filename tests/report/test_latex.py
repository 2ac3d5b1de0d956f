"""Text tables as LaTeX, Markdown and HTML."""

from __future__ import annotations

import pytest

from foveate.report.latex import Table, latex

TABLE = Table("50 % of a_b & <c>", ("Model", "AUC"), (("x|y", "−0.40"), ("<b>", "< 0.001")))


def test_latex_line_by_line() -> None:
    assert TABLE.latex("mri@paper") == (
        "% \\usepackage{booktabs}\n\\begin{table}[htbp]\n\\centering\n"
        "\\caption{50 \\% of a\\_b \\& $<$c$>$}\n\\label{tab:mri-paper}\n"
        "\\begin{tabular}{lr}\n\\toprule\nModel & AUC \\\\\n\\midrule\nx|y & $-$0.40 \\\\\n$<$b$>$ & $<$ 0.001 \\\\\n"
        "\\bottomrule\n\\end{tabular}\n\\end{table}\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b#$%&{}", r"a\_b\#\$\%\&\{\}"),
        ("[bold]\nx\x1b", "{[}bold{]} x"),
        ("\\~^", r"\textbackslash{}\textasciitilde{}\textasciicircum{}"),
        ("× 2 – ± ≥", r"$\times$ 2 -- $\pm$ $\geq$"),
    ],
)
def test_nothing_is_a_command(text: str, expected: str) -> None:
    assert latex(text) == expected


def test_markdown_and_html_escape_what_would_break_them() -> None:
    assert TABLE.markdown().splitlines()[2] == "| x\\|y | −0.40 |"
    assert TABLE.markdown().splitlines()[3] == "| \\<b> | \\< 0.001 |"
    html = TABLE.html()
    assert "<caption>50 % of a_b &amp; &lt;c&gt;</caption>" in html
    assert '<tr><th scope="row">&lt;b&gt;</th><td>&lt; 0.001</td></tr>' in html
