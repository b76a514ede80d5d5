"""Places dependency tokens: what is written in the program's order is read in that order.

Program order is the meaning of a program. Wherever two engines touch the same lines and one of
them writes, the later instruction has to wait for the earlier. Vector clocks (for each engine, how
many of its instructions are known to be done) leave out every wait that follows from others, and
make the tokens of a channel come in the order in which they are taken.

No order of events ends in a deadlock if one does not (deadlock.py). Here it is the program's own:
one instruction after the other, RESP and GATH while the ALUs follow that take their tiles. It comes
to its end since an instruction only waits for what has ended before it in that order (endings.py),
and since no more tokens than a channel holds are posted in it before they are taken.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ....errors import SnnError
from ..configuration import Configuration
from ..isa.encoding import Instruction
from ..isa.fields import TOKENS_IN, TOKENS_OUT, Engine
from .accesses import Access, Place, Ranges, accesses, is_shape
from .endings import Endings

Clock = tuple[int, ...]
"""By engine: how many of its instructions are done."""


def insert_tokens(program: Sequence[Instruction], hardware: Configuration) -> list[Instruction]:
    """Return the program with the `wait` and `post` masks that keep its order.

    Raises SnnError where two engines conflict between which there is no channel, directly or
    through others: an order that the hardware cannot keep.
    """
    placer = _Placer(program, hardware)
    shape = None
    for place, one in enumerate(program):
        if is_shape(one):
            shape = one
        placer.add(place, accesses(one, shape, hardware))
    return placer.masked()


@dataclass
class _Seen:
    """Something that an earlier instruction did."""

    engine: Engine
    number: int
    """Which of the engine's instructions it was, from 1."""
    writes: bool
    lines: int


class _History:
    """Who touched which lines of one memory, as far as it still matters."""

    def __init__(self) -> None:
        self._seen: list[_Seen] = []

    def conflicts(self, access: Access) -> list[_Seen]:
        return [
            one for one in self._seen if one.lines & access.lines and (access.writes or one.writes)
        ]

    def add(self, access: Access, number: int) -> None:
        """Remember an access. What it comes after for certain is forgotten."""
        for one in self._seen:
            if access.writes or (one.engine is access.engine and not one.writes):
                one.lines &= ~access.lines
        self._seen = [one for one in self._seen if one.lines]
        self._seen.append(_Seen(access.engine, number, access.writes, access.lines))


class _DramHistory:
    """Who touched which bytes of DRAM."""

    def __init__(self) -> None:
        self._seen: list[tuple[Engine, int, bool, Ranges]] = []

    def conflicts(self, access: Access) -> Iterable[tuple[Engine, int]]:
        for engine, number, writes, ranges in self._seen:
            matters = engine is not access.engine and (writes or access.writes)
            if matters and _overlap(ranges, access.ranges):
                yield engine, number

    def add(self, access: Access, number: int) -> None:
        self._seen.append((access.engine, number, access.writes, access.ranges))


def _overlap(some: Ranges, others: Ranges) -> bool:
    return any(a < d and c < b for a, b in some for c, d in others)


_MOST_LYING = 12
"""Tokens in a channel, of fifteen, from which on one stands for several."""


class _Placer:
    def __init__(self, program: Sequence[Instruction], hardware: Configuration) -> None:
        self._program, self._endings = program, Endings(hardware)
        self._waits: dict[tuple[int, Engine], int] = {}
        self._posts: dict[tuple[int, Engine], int] = {}
        # By channel: which instructions take its tokens, in order.
        self._waiting: dict[tuple[Engine, Engine], list[int]] = {}
        # By engine: where in the program its instructions are, and what is known when each is done.
        self._places: dict[Engine, list[int]] = {engine: [] for engine in Engine}
        self._clocks: dict[Engine, list[Clock]] = {
            engine: [(0,) * len(Engine)] for engine in Engine
        }
        self._on_chip = {place: _History() for place in Place}
        self._dram = _DramHistory()

    def add(self, place: int, touched: Sequence[Access]) -> None:
        for engine in self._program[place].opcode.engines:
            own = [access for access in touched if access.engine is engine]
            self._add_engine(place, engine, own)
        self._endings.add(place, self._program[place])

    def _add_engine(self, place: int, engine: Engine, touched: Sequence[Access]) -> None:
        clock = self._clocks[engine][-1]
        needed: dict[Engine, int] = {}
        for access in touched:
            for other, number in self._conflicts(access):
                if other is not engine:
                    needed[other] = max(needed.get(other, 0), number)
        # An engine whose work implies another's comes first, so that no wait is superfluous.
        for other in sorted(needed, key=lambda one: -sum(self._clocks[one][needed[one]])):
            if clock[other] < needed[other]:
                if other not in TOKENS_IN[engine]:
                    continue
                source = self._source(other, needed[other], engine)
                self._edge(other, source, place, engine)
                clock = _later(clock, self._clocks[other][source])
        for other, number in needed.items():
            if clock[other] < number:
                raise SnnError(
                    f"Instruction {place} ({self._program[place].opcode.mnemonic}) conflicts with "
                    f"one of the {other.name.lower()} engine, from which no token leads to it"
                )
        self._places[engine].append(place)
        number = len(self._places[engine])
        self._clocks[engine].append(
            tuple(number if e == engine else count for e, count in enumerate(clock))
        )
        for access in touched:
            if access.place is None:
                self._dram.add(access, number)
            else:
                self._on_chip[access.place].add(access, number)

    def _conflicts(self, access: Access) -> Iterable[tuple[Engine, int]]:
        if access.place is None:
            return self._dram.conflicts(access)
        return ((s.engine, s.number) for s in self._on_chip[access.place].conflicts(access))

    def _source(self, source: Engine, number: int, target: Engine) -> int:
        """Return which of `source`'s instructions posts the token: `number`, or its last to end.

        A channel must not fill before anybody takes from it. Where many tokens lie in it by then,
        the last instruction that has ended by now posts one for all that would follow. Not the
        last that there is: a GATH still runs, and may need what comes after `target`'s wait.
        """
        ends = self._endings.of(source)
        if number >= len(ends):
            return number
        waiting = self._waiting.setdefault((source, target), [])
        lying = sum(place > ends[number - 1] for place in waiting)
        return number if lying < _MOST_LYING else len(ends)

    def _edge(self, source: Engine, number: int, place: int, target: Engine) -> None:
        """Let `source`'s instruction post the token that `target`'s at `place` waits for."""
        posting = self._places[source][number - 1], source
        bit = 1 << TOKENS_OUT[source].index(target)
        assert not self._posts.get(posting, 0) & bit, "clocks keep tokens in order"
        self._posts[posting] = self._posts.get(posting, 0) | bit
        self._waiting.setdefault((source, target), []).append(place)
        waiting = place, target
        self._waits[waiting] = self._waits.get(waiting, 0) | 1 << TOKENS_IN[target].index(source)

    def masked(self) -> list[Instruction]:
        return [self._with_masks(place, one) for place, one in enumerate(self._program)]

    def _with_masks(self, place: int, one: Instruction) -> Instruction:
        values = dict(one.values)
        names = (("wait", "post"), ("second_wait", "second_post"))
        for engine, (wait, post) in zip(one.opcode.engines, names, strict=False):
            values[wait] = self._waits.get((place, engine), 0)
            values[post] = self._posts.get((place, engine), 0)
        return replace(one, values=values)


def _later(some: Clock, others: Clock) -> Clock:
    return tuple(map(max, some, others))
