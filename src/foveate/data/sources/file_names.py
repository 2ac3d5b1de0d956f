"""Names that cannot be written into a manifest, or that would mean two things there."""

from __future__ import annotations

from foveate.data.sources.source import Source, printable
from foveate.errors import FoveateError


def refuse_unclear_names(source: Source) -> None:
    """Raises FoveateError for a file's name that is no UTF-8, and for a file named like a picture within another."""
    files = {image.file for image in source.images}
    foreign = [path for path in (str(source.folder), *sorted(files)) if not _is_text(path)]
    if foreign:
        count = "" if len(foreign) == 1 else f" and {len(foreign) - 1:,} more"
        raise FoveateError(
            f"the name {printable(foreign[0])}{count} in {printable(str(source.folder))} is not UTF-8, as from a zip "
            "of Windows: rename it, or all of them with 'convmv -r --notest -f cp1252 -t utf-8' and the folder."
        )
    for image in source.images:
        if image.member and (image.path in files or image.path in source.left_out):
            raise FoveateError(
                f"{source.folder} holds a file {printable(image.path)}, which is also the name of a picture in "
                f"{printable(image.file)}: rename one of them."
            )


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
