"""APIGen-MT: ShareGPT rows with `function_call` turns, a policy in `system` and flat tools in a JSON string."""

from typing import Any

from simia_tui.formats.base import RowError
from simia_tui.formats.sharegpt import ShareGPT
from simia_tui.model import Trajectory


class ApigenMT(ShareGPT):
    """Reads APIGen-MT rows and refuses those without a policy or tools.

    Nothing in a row tells it from other ShareGPT rows, so detection leaves them to "sharegpt", which reads them the
    same way; to name this format is to insist on policy and tools.
    """

    name = "apigen-mt"
    title = "APIGen-MT (ShareGPT with a policy and tools)"

    def detect(self, sample: dict[str, Any]) -> bool:
        return False

    def read_record(self, record: dict[str, Any], domain: str = "generic") -> Trajectory:
        trajectory = super().read_record(record, domain)
        if not trajectory.policy:
            raise RowError("The row has no system text, where APIGen-MT keeps the policy.")
        if not trajectory.tools:
            raise RowError("The row declares no tools, which APIGen-MT rows do.")
        return trajectory
