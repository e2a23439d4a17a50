"""``python tools/optable`` writes src/cgrad/_gen; ``python tools/optable page [FOLDER]`` writes docs/ops.md."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from optable import docs, generate

if sys.argv[1:2] == ["page"]:
    docs.main(*map(Path, sys.argv[2:]))
else:
    generate.main()
