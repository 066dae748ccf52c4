"""The divergences between teacher and student, on answer tokens, over the teacher's top k and a tail bucket.

p is always the teacher, q the student. Axes: N answer tokens, K kept log-probabilities, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-6


def with_tail(logp: Tensor) -> Tensor:
    """(N, K) log-probabilities of some outcomes → (N, K+1): the last column is all the others together."""
    rest = (1.0 - logp.exp().sum(-1, keepdim=True)).clamp_min(TINY)
    return torch.cat([logp, rest.log()], dim=-1)


def divergence(
    top_logp: Tensor,
    student_logp: Tensor,
    top_ids: Tensor,
    *,
    beta: float = 0.0,
    clip: float = 10.0,
) -> Tensor:
    """Per-token divergence (N,) in nats, clipped at `clip` so that style tokens can't dominate.

    Args:
        top_logp: (N, K) teacher's log p; student_logp: (N, V) student's log q; top_ids: (N, K).
        beta: 0 is forward KL(p‖q), 1 reverse KL(q‖p), between them the generalised Jensen–Shannon
            divergence of GKD (arXiv 2306.13649, eq. 1–3).
    """
    p = with_tail(top_logp)  # (N, K+1)
    q = with_tail(student_logp.gather(1, top_ids.long()))  # (N, K+1)
    if beta == 0.0:
        loss = (p.exp() * (p - q)).sum(-1)
    elif beta == 1.0:
        loss = (q.exp() * (q - p)).sum(-1)
    else:
        # eq. 1 of GKD: m = βp + (1−β)q
        m = torch.logaddexp(p + torch.tensor(beta).log(), q + torch.tensor(1.0 - beta).log())
        loss = beta * (p.exp() * (p - m)).sum(-1) + (1 - beta) * (q.exp() * (q - m)).sum(-1)
    # Scaled rather than cut off: a clamped token would have no gradient, and the hardest names would never be learnt.
    return loss * (clip / loss.detach().clamp_min(clip))
