"""Every form that mutate.py can leave out, and lines that it must not pass over.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import unittest

from mutate import Mutants, UnknownStatement, add_flags, add_queues, mutate, parse

PLAIN = """\
SetFlag<HardEvent::MTE2_V>(EVENT_ID0);
  WaitFlag<HardEvent::MTE2_V>(EVENT_ID0);  // of the copy
AscendC::PipeBarrier<PIPE_V>();
if (turn > 0) CrossCoreWaitFlag<2, PIPE_MTE3>(kEmpty);
CrossCoreSetFlag<2, PIPE_MTE2>(kEmpty);
SyncAll();
SyncAll<false>();
SyncAll(workspace, ub);
set_flag(PIPE_V, PIPE_S, EVENT_ID1);
wait_flag(PIPE_V, PIPE_S, EVENT_ID1);
pipe_barrier(PIPE_ALL);
sync.SetFlag(id);
sync.WaitFlag(id);"""

QUEUE = """\
LocalTensor<float> in = queue.AllocTensor<float>();
queue.EnQue(in);
in = queue.DeQue<float>();
queue.FreeTensor(in);"""

UNKNOWN = [
    "SetFlag<HardEvent::MTE2_V>(EVENT_ID0); WaitFlag<HardEvent::MTE2_V>(EVENT_ID0);",
    "SetFlag<HardEvent::MTE2_V>(",
    "if (f(x)) SyncAll();",
    "for (;;) PipeBarrier<PIPE_V>();",
    "Use(queue.DeQue<float>());",
    "queue.DeQue(tensor);",
    "queues[0].EnQue(tensor);",
    "queue.FreeAllEvent();",
]


def rows(text: str) -> list[tuple[int, int, str]]:
    """The mutants of a kernel."""
    statements, mutants = parse(text.splitlines()), Mutants()
    add_flags([s for s in statements if "queue" not in s.match.groupdict()], mutants)
    add_queues([s for s in statements if "queue" in s.match.groupdict()], mutants)
    return mutants.rows


class MutateTest(unittest.TestCase):
    """What becomes of lines."""

    def test_plain_statements(self) -> None:
        """Each line is a mutant, adjacent pairs and flags that stand apart are more."""
        self.assertEqual(len(parse(PLAIN.splitlines())), 13)
        found = rows(PLAIN)
        self.assertEqual([first for first, last, _ in found[:13]], list(range(1, 14)))
        pairs = [(first, last) for first, last, _ in found[13:]]
        self.assertEqual(pairs, [(1, 2), (4, 5), (9, 10), (12, 13)])

    def test_flags_that_stand_apart(self) -> None:
        """One mutant leaves all of a flag out."""
        lines = "SetFlag<A>(0);\nx;\nWaitFlag<A>(0);\nSetFlag<B>(0);"
        self.assertEqual(rows(lines)[3:], [(1, 3, "all of flag A 0"), (4, 4, "all of flag B 0")])

    def test_queues(self) -> None:
        """A queue can do without each of its statements, and without each of its two pairs."""
        texts = [(first, last, text) for first, last, text in rows(QUEUE)]
        expected = [
            (2, 2, "queue.EnQue(in);"),
            (4, 4, "queue.FreeTensor(in);"),
            (1, 1, "queue.AllocTensor"),
            (1, 4, "queue.FreeTensor and AllocTensor"),
            (3, 3, "queue.DeQue"),
            (2, 3, "queue.EnQue and DeQue"),
        ]
        self.assertEqual(texts, expected)
        copy = mutate(QUEUE, "k.cpp", "k").splitlines()
        at = copy.index('#line 1 "k.cpp"') + 1
        self.assertIn("ascsim_take<float>(&queue) : queue.AllocTensor<float>();", copy[at])
        self.assertIn("ascsim_hold(&queue, in);", copy[at + 1])
        self.assertTrue(copy[at + 2].startswith("in = (ascsim_mutant() == 4 || ascsim_mutant() == 5) && "))

    def test_what_it_does_not_know_is_an_error(self) -> None:
        """Nothing with a synchronising word is passed over."""
        for line in UNKNOWN:
            with self.subTest(line), self.assertRaisesRegex(UnknownStatement, r"^2: cannot leave out"):
                parse(["int x;", line])

    def test_other_lines(self) -> None:
        """Comments, names that only contain a word, and using declarations are none of its business."""
        self.assertEqual(parse(["// SyncAll();", "MySyncAll(x);", "using AscendC::SetFlag;", "int WaitFlags = 0;"]), [])


if __name__ == "__main__":
    unittest.main()
