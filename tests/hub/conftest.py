"""What tests of the hub share: importing the server and the checkpoints."""

import sys
from pathlib import Path

# Test modules are no package; these two are also imported by the scripts that tests run.
sys.path.insert(0, str(Path(__file__).parent))
