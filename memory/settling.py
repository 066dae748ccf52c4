"""What the ledger calls learnt must be in the adapter that is worn. Run at every start, this makes it so.

A lost pointer is written again; where an adapter is damaged or a roll-back died half-way, the memories of the nights
that are no longer in the weights go back to the buffer, so that nothing is in neither.
"""

from __future__ import annotations

from memory.adapters import Adapters
from memory.episode import MemoryState
from memory.ledger import Ledger
from memory.undoing import take_back, unlearn


def settle(ledger: Ledger, adapters: Adapters) -> list[str]:
    """Make weights and ledger agree; returns what there is to say about it, [] when all was well."""
    unlearn(ledger, adapters)  # forgotten just before a crash, or by an agent's tool
    learnt = [m for m in ledger.memories(state=MemoryState.CONSOLIDATED) if m.night is not None]
    worn = adapters.current()
    newest = f"night-{max((m.night or 0 for m in learnt), default=0):04}"
    if worn is None and adapters.whole(newest):
        adapters.point(newest)
        worn = adapters.current()
        said = [f"The file that names the adapter was lost; {newest} is worn, as the ledger says."]
    else:
        said = [adapters.warning] if adapters.warning else []
    if lost := take_back(ledger, worn.name if worn else None):
        nights = ", ".join(map(str, lost))
        said.append(
            f"What was learnt in night {nights} is in the buffer again, and is learnt anew."
        )
    if adapters.named() != (worn.name if worn else ""):
        adapters.point(worn.name if worn else None)
    return said
