"""The loss of a network that follows a teacher."""

from torch import Tensor


def soft_cross_entropy(logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """-mean_n sum_c softmax(teacher)[n, c] log softmax(logits)[n, c], for logits (N, C).

    Up to the teacher's entropy the Kullback-Leibler divergence; the loss of the sub-bit paper's
    public code and of ReActNet (Liu et al., ECCV 2020, Eq. (5), distributional loss).
    """
    return -(teacher_logits.softmax(dim=1) * logits.log_softmax(dim=1)).sum(dim=1).mean()
