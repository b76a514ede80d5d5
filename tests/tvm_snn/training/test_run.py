"""The training loop: it learns, and goes on to the bit from wherever it was stopped."""

import csv
import os
import signal
from itertools import chain

import pytest
import torch

from tests.together import run_in_two_processes
from tests.tvm_snn.training import tiny
from tvm_snn.errors import TrainingError
from tvm_snn.training import CHECKPOINT, RECIPES, Processes, Settings, Stopped, Training
from tvm_snn.training.batches import test_batches as batches_to_test
from tvm_snn.training.batches import training_batches
from tvm_snn.training.distillation import soft_cross_entropy


def training(folder, *, seed=3, model_seed=0, **options):
    torch.manual_seed(model_seed)
    folder.mkdir(exist_ok=True)
    recipe = options.pop("recipe", "paper")
    settings = Settings(recipe=recipe, epochs=options.pop("epochs", 3), batch_size=20, seed=seed)
    model = tiny.network(subset=options.pop("subset", "refined"))
    data = tiny.data(padding=options.pop("padding", 1))
    return Training(model, data, settings, folder, **options)


def rows_without_times(rows):
    return [{**vars(row), "seconds": 0} for row in rows]


def assert_same(first, second):
    for key, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[key]), key


def test_training_learns_and_writes_a_log(tmp_path):
    run = training(tmp_path / "run", epochs=12, padding=None)
    rows = run.run()
    assert rows[-1].test_accuracy > 0.8
    assert rows[-1].train_loss < rows[0].train_loss
    assert not run.model.training
    assert run.evaluate(run.data.test) == (rows[-1].test_loss, rows[-1].test_accuracy)
    with open(tmp_path / "run" / "log.csv", newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["epoch"] for row in written] == [str(i) for i in range(1, 13)]
    rates = [row.learning_rate for row in rows]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] < 0.1


class StopAt:
    """Sends this process a signal when a batch has been asked for so many times."""

    def __init__(self, split, calls, number):
        self.split, self.left, self.number = split, calls, number

    def __len__(self):
        return len(self.split)

    def batch(self, indices, generator):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)
        return self.split.batch(indices, generator)


def with_stop(run, calls, number=signal.SIGTERM):
    split = StopAt(run.data.train, calls, number)
    object.__setattr__(run.data, "train", split)
    return run


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_stopped_run_goes_on_to_the_bit(recipe, tmp_path):
    straight = training(tmp_path / "straight", recipe=recipe)
    expected = straight.run()
    folder = tmp_path / "stopped"
    with pytest.raises(Stopped, match="--resume goes on"):
        with_stop(training(folder, recipe=recipe), 7, signal.SIGINT).run()
    second = training(folder, recipe=recipe, model_seed=8, resume=True)
    # The second stop falls on the last step of an epoch.
    with pytest.raises(Stopped):
        with_stop(second, 3).run()
    torch.rand(5)
    last = training(folder, recipe=recipe, model_seed=9, resume=True)
    assert rows_without_times(last.run()) == rows_without_times(expected)
    assert_same(straight, last)
    assert rows_without_times(training(folder, recipe=recipe, resume=True).run()) == (
        rows_without_times(expected)
    )


def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path):
    straight = training(tmp_path / "straight")
    expected = straight.run()
    killed = training(tmp_path / "killed", checkpoint_steps=2)

    def fail(*_):
        raise MemoryError

    killed_split = with_stop(killed, 8).data.train
    killed_split.number = 0
    calls = iter(range(100))
    plain = killed_split.batch
    killed_split.batch = lambda *a: plain(*a) if next(calls) < 7 else fail()
    with pytest.raises(MemoryError):
        killed.run()
    resumed = training(tmp_path / "killed", model_seed=5, resume=True)
    assert rows_without_times(resumed.run()) == rows_without_times(expected)
    assert_same(straight, resumed)


def test_checkpoints_are_told_of_by_the_steps_that_are_done(tmp_path):
    told = []
    run = training(
        tmp_path / "run",
        recipe="two-step",
        epochs=2,
        checkpoint_steps=4,
        before_checkpoint=lambda model, step: told.append((step, model is run.model)),
    )
    run.run()
    steps = len(run.data.train) // 20
    epochs = [epoch * steps for epoch in range(4)]
    within = [begin + step for begin in epochs for step in range(4, steps + 1, 4)]
    after = [begin + steps for begin in epochs]
    assert told == [(step, True) for step in sorted(within + after)]


def test_two_steps_binarise_weights_in_the_second(tmp_path):
    run = training(tmp_path / "run", recipe="two-step", epochs=2)
    seen = []
    run.model.body[1].register_forward_hook(
        lambda conv, *_: seen.append(conv.float_weights) if conv.training else None
    )
    rows = run.run()
    assert [row.stage for row in rows] == ["activations"] * 2 + ["weights"] * 2
    assert seen == sorted(seen, reverse=True)
    assert len(run.model.body[1].effective_weight()[0].abs().unique()) == 1
    kept = run.model.body[1].policy.patterns
    groups = RECIPES["paper"].stages[0].make_optimizer(run.model).param_groups
    (without_decay,) = [g for g in groups if any(p is kept for p in g["params"])]
    assert without_decay["weight_decay"] == 0
    assert groups[0]["weight_decay"] == 1e-4


def test_a_student_follows_its_teacher(tmp_path):
    teacher = training(tmp_path / "teacher", recipe="float", epochs=6, padding=None)
    teacher.run()
    student = training(tmp_path / "student", epochs=8, padding=None, teacher=teacher.model)
    labels = tiny.images(100, 0)[1]
    # A teacher is all that the student sees: wrong labels change nothing.
    student.data.train.labels.copy_((labels + 1) % 4)
    student.run()
    assert student.evaluate(student.data.test)[1] > 0.6


def test_soft_cross_entropy_is_that_of_the_formula():
    logits, teacher = torch.randn(2, 5, 3).double()
    expected = 0.0
    for student, guide in zip(logits, teacher, strict=True):
        p, q = guide.exp() / guide.exp().sum(), student.exp() / student.exp().sum()
        expected -= float((p * q.log()).sum()) / 5
    assert float(soft_cross_entropy(logits, teacher)) == pytest.approx(expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_cover_an_epoch_once_and_start_anywhere(workers):
    split = tiny.data().train
    split.images[:] = torch.arange(100).reshape(100, 1, 1, 1)
    split._mean, split._std = torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 1 / 255)

    def epoch(number, rank=0, count=1, **options):
        batches = training_batches(
            split, 10, number, 7, Processes(rank, count), workers=workers, **options
        )
        return [images[:, 0, 0, 0].round().int().tolist() for images, _ in batches]

    first = epoch(0)
    assert sorted(chain.from_iterable(first)) == list(range(100))
    assert epoch(0, start=6) == first[6:]
    assert epoch(1) != first
    shared = [epoch(0, rank, 3) for rank in range(3)]
    assert all(len(own) == 3 for own in shared)
    assert len({i for own in shared for batch in own for i in batch}) == 90
    tested = [
        images[:, 0, 0, 0].round().int().tolist()
        for rank in (0, 1)
        for images, _ in batches_to_test(split, 16, Processes(rank, 2))
    ]
    assert sorted(chain.from_iterable(tested)) == list(range(100))


def test_what_cannot_go_on_is_named(tmp_path):
    with pytest.raises(TrainingError, match=r"no .* to resume from"):
        training(tmp_path / "run", resume=True).run()
    training(tmp_path / "run", epochs=1).run()
    with pytest.raises(TrainingError, match="holds a run already"):
        training(tmp_path / "run", epochs=1).run()
    with pytest.raises(TrainingError, match="started with epochs = 1, not 2"):
        training(tmp_path / "run", epochs=2, resume=True).run()
    with pytest.raises(TrainingError, match="of another network"):
        training(tmp_path / "run", epochs=1, subset="vanilla", resume=True).run()
    (tmp_path / "run" / "log.csv").write_text("stage,epoch\n")
    with pytest.raises(TrainingError, match="do not belong together"):
        training(tmp_path / "run", epochs=1, resume=True).run()
    (tmp_path / "run" / CHECKPOINT).write_bytes(b"zip")
    with pytest.raises(TrainingError, match="Cannot read the checkpoint"):
        training(tmp_path / "run", epochs=1, resume=True).run()


def test_a_loss_that_is_no_number_stops_training(tmp_path):
    run = training(tmp_path / "run")
    run.model.classifier.bias.data[0] = float("nan")
    with pytest.raises(TrainingError, match="loss became nan in step 1"):
        run.run()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: setattr(run.model, "classifier", torch.nn.Linear(512, 3)), "returns 1x3 .* 4"),
        (lambda run: setattr(run.model, "stem", torch.nn.Conv2d(3, 16, 3)), "fails on .* 1x8x8"),
        (lambda run: setattr(run.model, "classifier", torch.nn.LSTM(512, 4)), "returns a tuple"),
        (lambda run: setattr(run, "teacher", torch.nn.Flatten()), "teacher returns 64 logits.* 4"),
    ],
)
def test_networks_that_do_not_fit_the_data_are_named(tmp_path, change, message):
    run = training(tmp_path / "run")
    change(run)
    with pytest.raises(TrainingError, match=message):
        run.run()


def test_too_few_images_are_named(tmp_path):
    run = training(tmp_path / "run", processes=Processes(0, 6))
    with pytest.raises(TrainingError, match="100 training images do not fill a batch of 20 for 6"):
        run._train_epoch(None, run.model, None, None, None, None)


def _worker(rank, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2
    )
    for recipe in ("paper", "two-step"):
        run = training(folder / recipe, recipe=recipe, epochs=2, processes=Processes(rank, 2))
        if recipe == "paper":
            if rank == 1:
                with_stop(run, 3)
            with pytest.raises(Stopped):
                run.run()
            torch.distributed.barrier()
            run = training(
                folder / recipe, recipe=recipe, epochs=2, processes=Processes(rank, 2), resume=True
            )
        rows = run.run()
        torch.save([run.model.state_dict(), rows_without_times(rows)], folder / f"{recipe}{rank}")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_processes_train_stop_and_resume_together(tmp_path):
    for recipe in ("paper", "two-step"):
        (tmp_path / recipe).mkdir()
    run_in_two_processes(_worker, tmp_path)
    for recipe in ("paper", "two-step"):
        (first, rows), (second, _) = (torch.load(tmp_path / f"{recipe}{r}") for r in (0, 1))
        assert all(torch.equal(first[key], second[key]) for key in first)
        assert [row["epoch"] for row in rows] == [1, 2] * len(RECIPES[recipe].stages)
