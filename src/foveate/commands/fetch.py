"""What `foveate data fetch` and `foveate data card` do."""

from __future__ import annotations

from pathlib import Path

from foveate import console
from foveate.config import nearest
from foveate.data.cards import CARDS, Card
from foveate.errors import UsageError


def card(name: str) -> None:
    """`foveate data card NAME`."""
    with console.errors_for_people():
        console.out.print(_card(name).text(), markup=False)


def fetch(name: str, to: Path, quiet: bool) -> None:
    """`foveate data fetch NAME --to DIR`."""
    again = f"foveate data fetch {name} --to {to}"
    with console.errors_for_people(again), console.bar(quiet) as progress:
        from foveate.data.fetch import fetch as fetch_to

        found = _card(name)
        progress.announce(f"fetching {name}")
        notes = fetch_to(name, to, lambda received, total: progress.start(total, received))
    for note in notes:
        console.err.print(f"note: {note}", markup=False)
    if not quiet:
        console.out.print(found.text(), markup=False)
    console.out.print(f"{name}: {to}\nfoveate run paper --data {name}={to}", markup=False)


def _card(name: str) -> Card:
    """The card of this name. Raises UsageError that names the right ones."""
    if name not in CARDS:
        hint = nearest(name, list(CARDS))
        did_you_mean = f", did you mean {hint}?" if hint else "."
        raise UsageError(f"there is no data set {name!r}: it is one of {', '.join(CARDS)}{did_you_mean}")
    return CARDS[name]
