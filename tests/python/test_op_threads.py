"""Threads: the same bits for any number of them, several Python threads at once, and forked processes.

SPDX-License-Identifier: Apache-2.0
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import torch
import xmsda
from problems import Case, gradients, make_call
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from xmsda import ms_deform_attn

CASES = [
    Case(batch=2, queries=300, heads=8, channels=32, points=4, levels=((20, 25), (10, 13), (5, 7))),
    Case(batch=1, queries=700, heads=1, channels=64, points=9, levels=((40, 40),)),
    Case(batch=1, queries=1, heads=3, channels=5),
]


@pytest.fixture(autouse=True)
def keep_number_of_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("target", xmsda.targets())
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_bits_for_any_number_of_threads_and_every_run(case: Case, dtype: torch.dtype, target: str) -> None:
    call = make_call(case, dtype)
    grad_output = torch.randn(case.batch, case.queries, case.heads * case.channels)
    torch.set_num_threads(1)
    with xmsda.use_target(target):
        expected = results(call, grad_output)
        for threads in (1, 2, 3, 7):
            torch.set_num_threads(threads)
            assert all(map(torch.equal, results(call, grad_output), expected)), threads


def results(call: object, grad_output: Tensor) -> list[Tensor]:
    output, grads = gradients(call, ms_deform_attn, grad_output)  # type: ignore[arg-type]
    return [output, *(grad for grad in grads if grad is not None)]


def test_several_python_threads_at_once() -> None:
    calls = [make_call(Case(queries=100, heads=4, channels=16, seed=seed), torch.float32) for seed in range(4)]
    grad_output = torch.randn(1, 100, 64)
    expected = [results(call, grad_output) for call in calls]
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            if not all(map(torch.equal, results(calls[number], grad_output), expected[number])):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_forced_target_and_last_target_belong_to_a_thread() -> None:
    seen: list[str] = []
    call = make_call(Case(), torch.float32)

    def work() -> None:
        seen.append(xmsda.last_target())
        call.run(ms_deform_attn)
        seen.append(xmsda.last_target())

    with xmsda.use_target("portable"):
        call.run(ms_deform_attn)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert xmsda.last_target() == "portable"
    assert seen == ["auto", xmsda.targets()[0]]


class Attended(Dataset[Tensor]):
    """A data set whose items a worker computes with the operator."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Tensor:
        call = make_call(Case(queries=50, heads=4, channels=8, seed=index), torch.float32)
        return results(call, torch.ones(1, 50, 32))[1]


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_workers_of_a_data_loader(start_method: str) -> None:
    expected = [Attended()[index] for index in range(4)]
    loader = DataLoader(Attended(), batch_size=None, num_workers=2, multiprocessing_context=start_method, timeout=120)
    assert all(map(torch.equal, loader, expected))


# All tensors have less than 32768 elements: torch's own operators go parallel above, and would hang. 819200
# multiply-adds are enough for two workers.
FORK = """
import os, torch, xmsda
torch.set_num_threads(2)
torch.manual_seed(0)
call = (torch.randn(1, 500, 4, 16), [(20, 25)], None, torch.rand(1, 200, 4, 1, 16, 2), torch.rand(1, 200, 4, 1, 16))
for position in (0, 3, 4):
    call[position].requires_grad_()
def results():
    output = xmsda.ms_deform_attn(*call)
    return [output, *torch.autograd.grad(output, [call[0], call[3], call[4]], torch.ones(1, 200, 64))]
expected = results()
child = os.fork()
if child == 0:
    # With the parent's dead OpenMP threads this would wait for ever.
    same = torch.get_num_threads() == 2 and all(map(torch.equal, results(), expected))
    os._exit(0 if same else 1)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert all(map(torch.equal, results(), expected))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_child_of_a_process_that_has_used_its_threads() -> None:
    process = subprocess.Popen([sys.executable, "-c", FORK], start_new_session=True)
    try:
        assert process.wait(timeout=60) == 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
