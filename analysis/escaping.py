"""Text that came from a file, made harmless where it is shown: it must show as what it is, and do nothing."""

from __future__ import annotations

import html
import re

# An underscore between letters, as in pgd_at, means nothing to Markdown and stays readable.
_MARKDOWN = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "λ": r"$\lambda$",
    "ε": r"$\varepsilon$",
    "ℓ": r"$\ell$",
    "∞": r"$\infty$",
    "⁺": r"$^{+}$",
    "⁻": r"$^{-}$",
    "±": r"$\pm$",
    "—": "---",
    "→": r"$\rightarrow$",
    "†": r"$\dagger$",
}


def markdown(text: str) -> str:
    """`text` as one line of plain text in Markdown, in a table cell too."""
    return _MARKDOWN.sub(lambda match: f"\\{match.group()}", html.escape(text, quote=False))


def latex(text: str) -> str:
    """`text` for LaTeX without further packages; what pdfLaTeX has no glyph for becomes a question mark."""
    shown = "".join(_LATEX.get(character, character if character.isascii() else "?") for character in text)
    # At the start of a row these would be arguments of the `\\` or `\midrule` before it.
    return f"{{{shown[0]}}}{shown[1:]}" if shown.startswith(("[", "*")) else shown


def one_line(value: object) -> str:
    """`value` as one printable line, so that no file can move a terminal's cursor; "" for None."""
    line = "" if value is None else " ".join(str(value).split())
    return "".join(character if character.isprintable() else "�" for character in line)
