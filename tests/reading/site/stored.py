"""Print what the database holds of each reader's first step, as JSON: pseudonym -> question -> [value, revisions].

python -m tests.reading.site.stored OUT/reading; the server may be dead.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from foveate.reading.site import deployment


def main(place: Path) -> None:
    deployment.set_up(place)
    from foveate.reading.site.models import Reply

    found: dict[str, dict[str, list[object]]] = {}
    for reply in Reply.objects.filter(showing__place=1).select_related("showing__reader"):
        own = found.setdefault(reply.showing.reader.pseudonym, {})
        assert reply.question not in own
        own[reply.question] = [reply.value, reply.revisions]
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
