"""The subset selected from the codebook of all kernels, end to end and without repetition."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import ModelError
from .codes import kernel_codes, kernels_of_codes
from .policy import LearnedSubset, UnitShape
from .sample import sample_subset

MAX_CODEBOOK_BITS = 12


class CodewordSubset(LearnedSubset):
    """K of all N = 2^(g*kh*kw) kernels, chosen by learning a permutation of the codebook.

    Source: Wang et al., "Compacting Binary Neural Networks by Sparse Kernel Selection", CVPR 2023
    (permutation straight-through estimator). A permutation matrix moves the selected codewords to
    the front, and its first K columns are kept. Forward it is the exact assignment (Hungarian
    method) of maximal score, with Gumbel noise; backward the gradient reaches the scores through
    the Gumbel-Sinkhorn relaxation, whose matrices have rows and columns that sum to 1 (Mena et
    al., "Learning Latent Permutations with Gumbel-Sinkhorn Networks", ICLR 2018).

    What the N - K dropped columns hold is never used, so their scores are zero, and Sinkhorn's
    iteration treats them as one column of mass N - K: `scores` are (N, K) and not (N, N), which
    makes it N/K times cheaper and changes nothing for the columns that are kept.

    `noise` scales the Gumbel noise, `temperature` the relaxation; both are choices of this
    implementation, as is the start: a score of `start` for K random codewords, 0 elsewhere. At a
    start of 1 and a noise of 0.1, in about every second step one of the N * K draws for K = 32
    exceeds that 1, and a codeword is taken by chance that is given back in the next step.

    Raises ModelError for units of more than 12 entries, whose codebook is too large.
    """

    gumbel: Tensor

    def __init__(
        self,
        size: int,
        unit_shape: UnitShape,
        generator: torch.Generator | None = None,
        *,
        period: int = 1,
        temperature: float = 0.2,
        noise: float = 0.02,
        iterations: int = 10,
        start: float = 1.0,
        last_step: int | None = None,
    ) -> None:
        """Start from random codewords, drawn from `generator` or torch's global one.

        After step `last_step` the choice stays as it is; None is never.
        """
        bits = math.prod(unit_shape)
        if bits > MAX_CODEBOOK_BITS:
            raise ModelError(
                f"the codebook of a unit of {' x '.join(map(str, unit_shape))} has 2^{bits} "
                f"kernels; codeword selection takes units of at most {MAX_CODEBOOK_BITS} entries"
            )
        kernels = sample_subset(size, unit_shape, generator)
        super().__init__(kernels, period, generator)
        scores = torch.zeros(2**bits, size)
        scores[kernel_codes(kernels), torch.arange(size)] = start
        self.scores = nn.Parameter(scores)
        # Drawn in `move`: what is relaxed backward is what was assigned forward.
        self.register_buffer("gumbel", torch.zeros(2**bits, size))
        self.temperature = temperature
        self.noise = noise
        self.iterations = iterations
        self.last_step = last_step

    def learned(self) -> tuple[Tensor, Tensor]:
        """The kernels that the relaxed permutation mixes; their gradient counts in every step."""
        codewords, size = self.scores.shape
        noisy = (self.scores + self.noise * self.gumbel) / self.temperature
        codebook = kernels_of_codes(
            torch.arange(codewords, device=noisy.device), self._unit_shape()
        ).to(noisy.dtype)
        selection = _sinkhorn(noisy, codewords - size, self.iterations)
        kernels = (selection.t() @ codebook.flatten(1)).reshape(self.subset.shape)
        return kernels, kernels.new_ones(())

    def move(self, latent: Tensor, step: int) -> None:  # noqa: ARG002
        """Draw noise and assign codewords, in the first step and every `period` from then on."""
        settled = self.last_step is not None and step > self.last_step
        if settled or (step - 1) % self.period:
            return
        exponential = torch.empty(self.scores.shape).exponential_(generator=self.generator(step))
        self.gumbel.copy_(-exponential.log())
        chosen = _assignment((self.scores + self.noise * self.gumbel).cpu().double().numpy())
        self.subset.copy_(kernels_of_codes(torch.from_numpy(chosen), self._unit_shape()))

    def _unit_shape(self) -> UnitShape:
        _, g, kh, kw = self.subset.shape
        return g, kh, kw


def _sinkhorn(scores: Tensor, dropped: int, iterations: int) -> Tensor:
    """Scale exp(scores) (N, K) to columns of sum 1 and rows of sum 1, the latter with a further
    column of scores 0 and mass `dropped`; return the (N, K) part.

    Factors for rows and columns are iterated in place of the matrix: a step is a product with a
    vector. They are float64, whose exponents hold scores that differ by some hundreds.
    """
    log = torch.nn.functional.pad(scores, (0, 1)) if dropped else scores
    log = log.double()
    matrix = (log - log.detach().amax(dim=1, keepdim=True)).exp()
    mass = torch.ones(log.shape[1], device=log.device, dtype=log.dtype)
    if dropped:
        mass[-1] = dropped
    columns = torch.ones_like(mass)
    for _ in range(iterations):
        rows = (matrix @ columns).reciprocal()
        columns = mass / (rows @ matrix)
    scaled = rows[:, None] * matrix * columns
    return scaled[:, : scores.shape[1]].to(scores.dtype)


def _assignment(scores: np.ndarray) -> np.ndarray:
    """The distinct rows, one for each column of `scores` (N, K), whose sum of scores is largest."""
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise ModelError(
            "Codeword selection needs scipy for its assignments: pip install 'tvm_snn[train]'."
        ) from error
    rows, columns = linear_sum_assignment(scores, maximize=True)
    return rows[np.argsort(columns)]
