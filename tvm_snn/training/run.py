"""The training loop."""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import TrainingError
from ..nn import set_float_weights, set_progress
from .batches import steps_of_epoch, test_batches, training_batches
from .checkpoint import Checkpoint, Position, load_checkpoint
from .compiled import CompiledNetwork
from .data import Data, Split
from .display import Display
from .distillation import soft_cross_entropy
from .fit import check_fit
from .log import Log, Row
from .processes import Processes
from .recipe import RECIPES, Stage

CHECKPOINT = "checkpoint.pt"

Network = Callable[[Tensor], Tensor]
"""The model, or what runs it another way: images to logits."""


@dataclass(frozen=True)
class Settings:
    """What decides the course of a training run; a run resumes with the same ones only."""

    recipe: str = "paper"
    """A name in `RECIPES`."""
    epochs: int = 120
    """Of each stage."""
    batch_size: int = 128
    """Of each process."""
    learning_rate: float | None = None
    """In place of the recipe's."""
    label_smoothing: float = 0.0
    seed: int = 0
    description: str = ""
    """Model and data, as the user named them."""
    compiled: bool = False
    """Whether the network runs compiled by torch.compile, in one process."""


class Stopped(TrainingError):
    """Training was asked to stop and has written a checkpoint."""


@dataclass
class Training:
    """A run: a network, its data, and where it keeps its checkpoint and log."""

    model: nn.Module
    data: Data
    settings: Settings
    folder: Path
    teacher: nn.Module | None = None
    """Gives the targets in the place of the labels."""
    device: str = "cpu"
    processes: Processes = field(default_factory=Processes)
    workers: int = 0
    checkpoint_steps: int | None = None
    """Steps between checkpoints within an epoch; there is one after every epoch anyway."""
    tensorboard: bool = False
    resume: bool = False
    """Go on from the checkpoint in `folder`."""
    before_checkpoint: Callable[[nn.Module, int], None] | None = None
    """Called by the first process before every checkpoint, with the steps that are done in all. Of
    a run that is resumed, at least once for each."""

    def run(self) -> list[Row]:
        """Train; return the log. The model is left in eval mode, on the CPU.

        Raises TrainingError when the folder holds a checkpoint and `resume` is false, when it
        holds none or one of other settings and `resume` is true, when several processes shall train
        a compiled network, when network, teacher and data do not fit, and when a loss is not
        finite; raises Stopped after SIGINT or SIGTERM.
        """
        if self.settings.compiled and self.processes.count > 1:
            raise TrainingError(
                f"A compiled network trains in one process, not in {self.processes.count}: leave "
                "out --compile."
            )
        recipe = RECIPES[self.settings.recipe]
        checkpoint = self._checkpoint_to_resume()
        position = checkpoint.position if checkpoint else Position()
        torch.manual_seed(self.settings.seed)
        self.model.to(self.device)
        if self.teacher is not None:
            self.teacher.to(self.device)
        self._check_networks()
        done = position.stage * self.settings.epochs + position.epoch
        log = Log(self.folder, done, self.tensorboard and self.processes.first)
        with Display(self.processes.first) as display, _stop_requests() as stop:
            for number in range(position.stage, len(recipe.stages)):
                stage = self._with_rate(recipe.stages[number])
                self._run_stage(stage, position, checkpoint, log, display, stop)
                checkpoint = None
                position = Position(stage=number + 1)
        self.model.to("cpu").eval()
        return log.rows

    def _check_networks(self) -> None:
        logits = check_fit(self.model, self.data, "network")
        if self.teacher is None:
            return
        taught = check_fit(self.teacher, self.data, "teacher")
        if taught != logits:
            raise TrainingError(
                f"The teacher returns {taught} logits and the network {logits}: they have to be "
                "as many."
            )

    def _with_rate(self, stage: Stage) -> Stage:
        if self.settings.learning_rate is None:
            return stage
        return Stage(**{**asdict(stage), "learning_rate": self.settings.learning_rate})

    def _checkpoint_to_resume(self) -> Checkpoint | None:
        path = self.folder / CHECKPOINT
        if not self.resume:
            if path.exists():
                raise TrainingError(
                    f"{self.folder} holds a run already: go on with it (--resume) or choose "
                    "another folder."
                )
            return None
        if not path.exists():
            raise TrainingError(f"There is no {path} to resume from.")
        checkpoint = load_checkpoint(path)
        for name, value in asdict(self.settings).items():
            if checkpoint.settings.get(name) != value:
                raise TrainingError(
                    f"The run in {self.folder} was started with {name} = "
                    f"{checkpoint.settings.get(name)!r}, not {value!r}: it would become another "
                    "run. Use the same settings, or another folder."
                )
        return checkpoint

    def _run_stage(
        self,
        stage: Stage,
        position: Position,
        checkpoint: Checkpoint | None,
        log: Log,
        display: Display,
        stop: Callable[[], bool],
    ) -> None:
        set_float_weights(self.model, stage.float_weights)
        optimizer = stage.make_optimizer(self.model)
        if checkpoint is not None:
            self._restore(checkpoint, optimizer)
        network: Network = CompiledNetwork(self.model) if self.settings.compiled else self.model
        if self.processes.count > 1:
            # Patterns of subsets are not used while weights are float.
            network = DistributedDataParallel(
                self.model, find_unused_parameters=stage.float_weights
            )
        for epoch in range(position.epoch, self.settings.epochs):
            position.epoch = epoch
            start = time.perf_counter()
            self._train_epoch(stage, network, optimizer, position, display, stop)
            train = self.processes.sum([position.loss, position.correct, position.images])
            test = self.evaluate(self.data.test)
            position.epoch, position.step = epoch + 1, 0
            position.loss = position.correct = position.images = 0.0
            row = Row(
                stage=stage.name,
                epoch=epoch + 1,
                learning_rate=optimizer.param_groups[0]["lr"],
                train_loss=train[0] / train[2],
                train_accuracy=train[1] / train[2],
                test_loss=test[0],
                test_accuracy=test[1],
                seconds=time.perf_counter() - start,
            )
            if self.processes.first:
                log.add(row)
            display.epoch(row, self.settings.epochs)
            self._save(position, optimizer)
            if self.processes.any(stop()):
                raise Stopped(self._stopped_at(position))

    def _train_epoch(
        self,
        stage: Stage,
        network: Network,
        optimizer: torch.optim.Optimizer,
        position: Position,
        display: Display,
        stop: Callable[[], bool],
    ) -> None:
        size, seed = self.settings.batch_size, self.settings.seed
        steps = steps_of_epoch(self.data.train, size, self.processes)
        if not steps:
            raise TrainingError(
                f"{len(self.data.train)} training images do not fill a batch of {size} for "
                f"{self.processes.count} processes: use a smaller --batch-size."
            )
        order = position.stage * self.settings.epochs + position.epoch
        batches = training_batches(
            self.data.train,
            size,
            order,
            seed,
            self.processes,
            start=position.step,
            workers=self.workers,
        )
        self.model.train()
        set_progress(self.model, position.epoch / self.settings.epochs)
        for images, labels in display.steps(batches, position, steps, stage.name):
            done = (position.epoch + position.step / steps) / self.settings.epochs
            for group in optimizer.param_groups:
                group["lr"] = stage.rate(done)
            self._step(network, optimizer, images.to(self.device), labels.to(self.device), position)
            position.step += 1
            asked = self.processes.any(stop())
            if asked or (self.checkpoint_steps and position.step % self.checkpoint_steps == 0):
                self._save(position, optimizer)
            if asked:
                raise Stopped(self._stopped_at(position))

    def _step(
        self,
        network: Network,
        optimizer: torch.optim.Optimizer,
        images: Tensor,
        labels: Tensor,
        position: Position,
    ) -> None:
        logits = network(images)
        loss = self._loss(logits, images, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingError(
                f"The loss became {value} in step {position.step + 1} of epoch "
                f"{position.epoch + 1}: use a lower --learning-rate."
            )
        position.loss += value * len(labels)
        position.correct += float((logits.argmax(dim=1) == labels).sum())
        position.images += len(labels)

    def _loss(self, logits: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        if self.teacher is None:
            smoothing = self.settings.label_smoothing
            return nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        with torch.no_grad():
            targets = self.teacher(images)
        return soft_cross_entropy(logits, targets)

    @torch.no_grad()
    def evaluate(self, split: Split) -> tuple[float, float]:
        """Cross-entropy and accuracy of the network as it is, over all images of `split`."""
        self.model.eval()
        self.processes.share_buffers(self.model)
        loss = correct = images = 0.0
        for batch, labels in test_batches(split, self.settings.batch_size, self.processes):
            logits = self.model(batch.to(self.device)).cpu()
            loss += float(nn.functional.cross_entropy(logits, labels, reduction="sum"))
            correct += float((logits.argmax(dim=1) == labels).sum())
            images += len(labels)
        loss, correct, images = self.processes.sum([loss, correct, images])
        return loss / images, correct / images

    def _save(self, position: Position, optimizer: torch.optim.Optimizer) -> None:
        """Write the checkpoint; sums of the epoch are those of all processes, kept by the first."""
        sums = self.processes.sum([position.loss, position.correct, position.images])
        if not self.processes.first:
            return
        if self.before_checkpoint is not None:
            epochs = position.stage * self.settings.epochs + position.epoch
            steps = steps_of_epoch(self.data.train, self.settings.batch_size, self.processes)
            self.before_checkpoint(self.model, epochs * steps + position.step)
        loss, correct, images = sums
        Checkpoint(
            settings=asdict(self.settings),
            position=Position(position.stage, position.epoch, position.step, loss, correct, images),
            model=self.model.state_dict(),
            optimizer=optimizer.state_dict(),
            random_state=torch.get_rng_state(),
        ).save(self.folder / CHECKPOINT)

    def _restore(self, checkpoint: Checkpoint, optimizer: torch.optim.Optimizer) -> None:
        try:
            self.model.load_state_dict(checkpoint.model)
            optimizer.load_state_dict(checkpoint.optimizer)
        except (RuntimeError, ValueError, KeyError) as error:
            raise TrainingError(
                f"The checkpoint in {self.folder} is of another network: {error}"
            ) from error
        torch.set_rng_state(checkpoint.random_state)
        if not self.processes.first:
            position = checkpoint.position
            position.loss = position.correct = position.images = 0.0

    def _stopped_at(self, position: Position) -> str:
        return (
            f"Stopped after {position.epoch} epochs and {position.step} steps of stage "
            f"{position.stage + 1}. The same command with --resume goes on from there."
        )


@contextmanager
def _stop_requests() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether SIGINT or SIGTERM came; a second one is not held back."""
    asked = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        restore()

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    previous: dict[int, Any] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, note)
    except ValueError:
        # Signals can be handled in the main thread only; elsewhere nobody can ask.
        pass
    try:
        yield lambda: asked
    finally:
        restore()
