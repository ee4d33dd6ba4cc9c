"""The Ascend kernels on the simulator, through the function, the operator and the module.

SPDX-License-Identifier: Apache-2.0
"""

import math
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import xmsda
from problems import Call, Case, assert_within, gradients, make_call, tolerance
from test_op_errors import BAD, assert_names_an_argument
from torch import Tensor, nn
from xmsda import ascend, ms_deform_attn
from xmsda.nn import MSDeformAttn
from xmsda.reference import grid_sample_formulation

LIBRARY = Path(xmsda.__file__).with_name("_C_ascend.abi3.so")
# A library that is there and cannot be loaded is a failure.
needs_simulator = pytest.mark.skipif(
    not LIBRARY.exists(), reason="this build is without the simulator; XMSDA_ASCEND=ON scripts/build.sh has it"
)
VARIANTS = ascend.variants()
NAMES = ["output", "grad_value", "grad_locations", "grad_weights"]
F16_ROUNDOFF = torch.finfo(torch.float16).eps / 2
F16_WEIGHTS = ("hybrid", "xmsda", "xmsda-aligned")


def simulated(**options: Any) -> Callable[..., Tensor]:
    return partial(ms_deform_attn, backend="ascend-sim", **options)


def skip_if_not_taken(variant: str, dtype: torch.dtype) -> None:
    """All variants take float16, some no float32, some no bfloat16."""
    try:
        simulated_call(CASES[0], dtype).run(simulated(variant=variant))
    except ValueError as error:
        if dtype == torch.float16 or not re.match(r"value: expected f16 (or f32 )?for ", str(error)):
            raise
        pytest.skip(str(error))


def simulated_call(case: Case, dtype: torch.dtype) -> Call:
    """Values of dtype, float32 samples whose coordinates every step computes exactly and off pixel centres."""
    call = make_call(case, margin=0.1, kink_free=False)
    call.sampling_locations = (call.sampling_locations * 63).round().add(0.5) / 64
    return call.to(dtype, torch.float32)


def bounds_of(call: Call, grad_output: Tensor, dtype: torch.dtype, variant: str) -> list[Tensor]:
    """Bounds of `tolerance`, and with float16 value that of the corners' weights in variants that round them.

    The forward pass of these rounds each of them to float16: by 2^-11 of it, or by 2^-25 where it is subnormal. Four
    corners of a sample have at most the largest value.
    """
    bounds = tolerance(call, grad_output, dtype, torch.float32)
    if dtype == torch.float16 and variant in F16_WEIGHTS:
        magnitude = call.with_floats(call.value.abs(), call.sampling_locations, call.attention_weights.abs())
        samples = sum(magnitude.attention_weights.shape[3:])
        subnormal = 4 * samples * 2.0**-25 * float(call.value.abs().amax())
        bounds[0] = bounds[0] + F16_ROUNDOFF * magnitude.run(grid_sample_formulation) + subnormal
    return bounds


CASES = [
    Case(batch=2, queries=5, heads=2, channels=32, points=2, levels=((6, 4), (3, 2))),
    Case(queries=19, heads=1, channels=16, points=(3, 0, 1), levels=((9, 7), (2, 2), (1, 1)), seed=1),
    Case(queries=3, heads=4, channels=64, points=4, levels=((12, 10),), starts=(7,), pixels=130, seed=2),
]


@needs_simulator
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients(variant: str, case: Case, dtype: torch.dtype) -> None:
    skip_if_not_taken(variant, dtype)
    check_gradients(simulated_call(case, dtype), dtype, variant)


@needs_simulator
@pytest.mark.parametrize("seed", range(4))
def test_gradients_of_any_sizes_and_layout(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def pick(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    levels = tuple((pick(1, 9), pick(1, 9)) for _ in range(pick(1, 4)))
    case = Case(pick(1, 3), pick(1, 20), pick(1, 4), pick(1, 40), pick(1, 4), levels, seed=seed)
    dtype = (torch.float32, torch.float16)[seed % 2]
    call = simulated_call(case, dtype)
    call.value = call.value.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    check_gradients(call, dtype, "auto")


def check_gradients(call: Call, dtype: torch.dtype, variant: str) -> None:
    batch, queries, heads = call.attention_weights.shape[:3]
    grad_output = torch.randn(batch, queries, heads * call.value.shape[3]).to(dtype)
    output, grads = gradients(call, simulated(variant=variant), grad_output)
    exact_call = call.to(torch.float64, torch.float64)
    exact, exact_grads = gradients(exact_call, grid_sample_formulation, grad_output.double())
    bounds = bounds_of(exact_call, grad_output.double(), dtype, variant)
    assert_within(NAMES, [output, *grads], [exact, *exact_grads], bounds)
    assert output.dtype == dtype
    for grad, tensor in zip(grads, call.floats, strict=True):
        assert grad is not None
        assert grad.dtype == tensor.dtype


@needs_simulator
def test_float16_samples_are_converted_and_so_are_their_gradients() -> None:
    call = simulated_call(CASES[0], torch.float16).to(torch.float16, torch.float16)
    grad_output = torch.randn(2, 5, 64).half()
    output, grads = gradients(call, simulated(), grad_output)
    wide, wide_grads = gradients(call.to(torch.float16, torch.float32), simulated(), grad_output)
    assert torch.equal(output, wide)
    for grad, wide_grad in zip(grads, wide_grads, strict=True):
        assert grad is not None
        assert wide_grad is not None
        assert grad.dtype == torch.float16
        assert torch.equal(grad, wide_grad.half())


@needs_simulator
def test_only_some_inputs_need_a_gradient() -> None:
    call = make_call(Case(), torch.float32)
    expected = gradients(call, simulated(), torch.ones(1, 2, 4))[1]
    call.attention_weights.requires_grad_()
    call.run(simulated()).sum().backward()
    assert call.attention_weights.grad is not None
    assert expected[2] is not None
    assert torch.equal(call.attention_weights.grad, expected[2])
    with torch.no_grad():
        assert not call.run(simulated()).requires_grad


@needs_simulator
def test_functional_gradient() -> None:
    call = make_call(Case(), torch.float32)
    expected = gradients(call, simulated(), torch.ones(1, 2, 4))[1][0]
    grad = torch.func.grad(lambda value: call.with_floats(value, *call.floats[1:]).run(simulated()).sum())(call.value)
    assert expected is not None
    assert torch.equal(grad, expected)


@needs_simulator
def test_no_second_derivative_and_no_forward_mode() -> None:
    call = make_call(Case(), torch.float32).requiring_grad()
    (grad,) = torch.autograd.grad(call.run(simulated()).sum(), call.value, create_graph=True)
    with pytest.raises(NotImplementedError, match="gradient of its gradient is not implemented"):
        grad.sum().backward()
    with pytest.raises(NotImplementedError, match="forward-mode differentiation"):
        torch.func.jvp(
            lambda value: call.with_floats(value, *call.floats[1:]).run(simulated()),
            (call.value.detach(),),
            (torch.ones_like(call.value),),
        )


@needs_simulator
@pytest.mark.parametrize("samples", [torch.float32, torch.float16])
def test_autocast(samples: torch.dtype) -> None:
    call = simulated_call(CASES[0], torch.float32).to(torch.float32, samples)
    half = call.to(torch.float16, torch.float32)
    with torch.autocast("cpu", torch.float16):
        assert torch.equal(call.run(simulated()), half.run(simulated()))
    if samples == torch.float32:
        bfloat = call.to(torch.bfloat16, torch.float32)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(call.run(simulated()), bfloat.run(simulated()))


@needs_simulator
@pytest.mark.parametrize("case", [Case(queries=3), Case(queries=3, points=(3, 1))], ids=str)
def test_compile_and_export(case: Case) -> None:
    call = make_call(case, torch.float32)
    grad_output = torch.randn(1, 3, 4)
    torch._dynamo.reset()
    compiled = torch.compile(simulated(chip="910b2", variant="dma1"), fullgraph=True, backend="aot_eager")
    output, grads = gradients(call, compiled, grad_output)
    expected, expected_grads = gradients(call, simulated(), grad_output)
    torch.testing.assert_close([output, *grads], [expected, *expected_grads])

    class Model(nn.Module):
        def forward(self, value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
            return call.with_floats(value, locations, weights).run(simulated())

    program = torch.export.export(Model(), tuple(call.floats))
    assert torch.equal(program.module()(*call.floats), expected)
    assert "xmsda.ascend_sim_forward" in str(program.graph)


@needs_simulator
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("case", [Case(), Case(queries=3, points=(3, 1), starts=(0, 24))], ids=str)
def test_opcheck(case: Case, dtype: torch.dtype) -> None:
    call = make_call(case, torch.float32).to(dtype, torch.float32)
    call.value = call.value.permute(0, 2, 1, 3).contiguous().permute(0, 2, 1, 3)
    points = [] if isinstance(case.points, int) else list(case.points)
    arguments = (call.value, call.spatial_shapes, call.level_start_index, *call.floats[1:], points, False, "", "auto")
    grad_output = torch.randn(1, case.queries, 4).to(dtype)
    torch.library.opcheck(torch.ops.xmsda.ascend_sim_backward, (*arguments, grad_output))
    for tensor in call.floats:
        tensor.requires_grad_()
    torch.library.opcheck(torch.ops.xmsda.ascend_sim_forward, arguments)


@needs_simulator
def test_meta_tensors_give_shapes() -> None:
    call = make_call(Case(batch=2, queries=3), torch.float32)
    call.value, call.sampling_locations, call.attention_weights = (tensor.to("meta") for tensor in call.floats)
    output = call.run(simulated())
    assert output.is_meta
    assert output.shape == (2, 3, 4)


@needs_simulator
@pytest.mark.parametrize("case", [Case(queries=0), Case(batch=0), Case(channels=0), Case(points=0)], ids=str)
def test_nothing_to_compute(case: Case) -> None:
    call = make_call(case, torch.float32)
    output, grads = gradients(call, simulated(), torch.ones(case.batch, case.queries, 2 * case.channels))
    assert output.shape == (case.batch, case.queries, 2 * case.channels)
    assert not output.any()
    assert all(grad is not None and not grad.any() for grad in grads)


@needs_simulator
def test_chips_in_turn_and_at_once() -> None:
    call = make_call(Case(queries=40, heads=3, channels=8), torch.float32)
    expected = call.run(simulated(variant="dma1"))
    wrong: list[str] = []

    def work(chip: str) -> None:
        for _ in range(3):
            try:
                torch.testing.assert_close(call.run(simulated(chip=chip, variant="dma1")), expected)
            except Exception as error:
                wrong.append(f"{chip}: {error}")

    threads = [threading.Thread(target=work, args=(chip,)) for chip in ("910b1", "910b4")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# Options of a call, then what changes its tensors, and the message.
REFUSED: dict[str, tuple[dict[str, Any], Callable[[Call], Any], type[Exception], str]] = {
    "chip": ({"chip": "910c"}, lambda c: None, ValueError, 'chip: expected 910b1, .*910b4 .*, got "910c"'),
    "chip file": ({"chip": "no/such.toml"}, lambda c: None, ValueError, "chip: .* no/such.toml"),
    "chip type": ({"chip": 910}, lambda c: None, TypeError, "chip: expected a string or None, got int"),
    "chip empty": ({"chip": ""}, lambda c: None, ValueError, "chip: expected a name or None, got ''"),
    "variant": (
        {"variant": "fast"},
        lambda c: None,
        ValueError,
        'variant: expected one of auto, resident, dma1, .*, got "fast"',
    ),
    "variant type": ({"variant": b"dma1"}, lambda c: None, TypeError, "variant: expected a string or None, got bytes"),
    "float64": (
        {},
        lambda c: c.to(torch.float64, torch.float64),
        ValueError,
        "value: expected float32, float16 or bfloat16, as the Ascend kernels take no other, got float64",
    ),
    "bfloat16": (
        {"variant": "hybrid"},
        lambda c: c.to(torch.bfloat16, torch.float32),
        ValueError,
        "value: expected f16 or f32 for this variant on Ascend, got bf16; the variant resident takes it",
    ),
    "method": (
        {"method": "discrete"},
        lambda c: None,
        ValueError,
        "method: expected bilinear on Ascend, got discrete; no other variant takes it",
    ),
    "levels": (
        {},
        lambda c: make_call(Case(levels=((1, 1),) * 9), torch.float32),
        ValueError,
        "spatial_shapes: expected at most 8 on Ascend, got 9; no other",
    ),
    "shared pixels": (
        {},
        lambda c: make_call(Case(levels=((2, 2),) * 2, starts=(0, 2)), torch.float32),
        ValueError,
        "spatial_shapes.*: expected ",
    ),
    "points": (
        {},
        lambda c: make_call(Case(points=33), torch.float32),
        ValueError,
        "spatial_shapes: expected at most 64 points in all on Ascend, got 66",
    ),
    "channels": (
        {},
        lambda c: make_call(Case(channels=5000), torch.float32),
        ValueError,
        "value: expected .* on Ascend, got .*5000 channels",
    ),
}


@needs_simulator
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("with_grad", [False, True], ids=["no grad", "grad"])
def test_refused(name: str, with_grad: bool) -> None:
    options, change, error, message = REFUSED[name]
    call = make_call(Case(), torch.float32)
    call = change(call) or call
    if with_grad:
        call = call.requiring_grad()
    with pytest.raises(error, match="^" + message) as caught:
        call.run(simulated(**options))
    assert_names_an_argument(caught.value)


@needs_simulator
@pytest.mark.parametrize("name", BAD)
def test_bad_argument(name: str) -> None:
    spoil, error, _ = BAD[name]
    call = make_call(Case(), torch.float32)
    spoil(call)
    with pytest.raises(error) as caught:
        call.run(simulated())
    assert_names_an_argument(caught.value)


@pytest.mark.parametrize("backend", ["gpu", "", "ascend-sim:dma1"])
def test_unknown_backend(backend: str) -> None:
    with pytest.raises(ValueError, match=f"^backend: expected 'cpu' or 'ascend-sim', got '{backend}'$"):
        make_call(Case()).run(partial(ms_deform_attn, backend=backend))
    with pytest.raises(TypeError, match=r"^backend: expected 'cpu' or 'ascend-sim', got int$"):
        MSDeformAttn(backend=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("option", ["chip", "variant"])
def test_option_of_the_simulator_without_it(option: str) -> None:
    options: dict[str, Any] = {option: "x"}
    with pytest.raises(ValueError, match=f"^{option}: expected None with backend 'cpu', got 'x'$"):
        make_call(Case()).run(partial(ms_deform_attn, **options))
    with pytest.raises(ValueError, match=f"^{option}: expected None"):
        MSDeformAttn(**options)


@pytest.mark.parametrize("there", [False, True], ids=["no library", "broken library"])
def test_build_without_the_simulator(there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "lib.so"
    if there:
        library.write_bytes(b"no ELF file")
    monkeypatch.setattr(ascend, "_MISSING", ascend._load(library))
    assert not ascend.is_available()
    assert ascend.variants() == []
    reason = (
        "its library cannot be loaded: .*lib.so" if there else "this build has no simulator: .*XMSDA_ASCEND=ON.*boost"
    )
    with pytest.raises(ValueError, match=f"^backend: expected 'cpu', got 'ascend-sim'; {reason}") as caught:
        make_call(Case()).run(simulated())
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"^backend: expected 'cpu', got 'ascend-sim'"):
        MSDeformAttn(backend="ascend-sim")


def run_script(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | environment,
    )


CALL = """
import torch
value, samples = torch.ones(1, 16, 1, 16), torch.full((1, 2, 1, 1, 1, 2), 0.5)
"""


@needs_simulator
def test_report_of_the_simulator_is_a_runtime_error() -> None:
    script = (
        CALL
        + """
import xmsda
try:
    xmsda.ms_deform_attn(value, [(4, 4)], None, samples, samples[..., 0], backend="ascend-sim")
except RuntimeError as error:
    print(error)
"""
    )
    process = run_script(script, ASCSIM_MAX_INSTRUCTIONS="5")
    assert process.returncode == 0, process.stderr
    assert "device: " in process.stdout
    assert "ASCSIM_MAX_INSTRUCTIONS" in process.stdout


class Model(nn.Module):
    """One attention and one linear layer."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.attention = MSDeformAttn(d_model=32, n_levels=2, n_heads=2, n_points=2, **options)
        self.head = nn.Linear(32, 4)

    def forward(self, query: Tensor, references: Tensor, flat: Tensor) -> Tensor:
        return self.head(query + self.attention(query, references, flat, [(6, 4), (3, 2)]))


def train(dtype: torch.dtype, **options: Any) -> tuple[list[float], Tensor]:
    """Three steps; losses and all parameters, one after the other."""
    torch.manual_seed(0)
    model = Model(**options)
    query, flat, target = torch.randn(2, 7, 32), torch.randn(2, 30, 32), torch.randn(2, 7, 4)
    references = torch.rand(2, 7, 2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    losses = []
    for _ in range(3):
        with torch.autocast("cpu", torch.float16, enabled=dtype == torch.float16):
            output = model(query, references, flat)
        loss = nn.functional.mse_loss(output.float(), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, all_parameters(model)


def all_parameters(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@needs_simulator
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_small_model_trains_as_on_the_cpu(dtype: torch.dtype, variant: str) -> None:
    """Losses and parameters differ by roundings that are not the same.

    In float32 a sum over 4 samples of 4 corners rounds (4 * 4 + 8) times, forward and backward, in each of three steps:
    144 times. In float16 there are, forward and backward, the result of the attention and those of the two layers
    behind it, each rounded on both sides, and the corners' weights: 13 a step. As they are independent, their squares
    add in the norm over all parameters, relative to how far training has moved them; a loss is a square, which doubles
    relative errors.
    """
    skip_if_not_taken(variant, dtype)
    roundings, roundoff = (39, F16_ROUNDOFF) if dtype == torch.float16 else (144, 2.0**-24)
    allowed = math.sqrt(roundings) * roundoff
    torch.manual_seed(0)
    start = all_parameters(Model())
    losses, parameters = train(dtype)
    assert losses[2] < 0.5 * losses[0]
    simulated_losses, simulated_parameters = train(dtype, backend="ascend-sim", variant=variant)
    assert simulated_losses == pytest.approx(losses, rel=2 * allowed, abs=0.0)
    moved = float((parameters - start).norm())
    assert 0.0 < float((simulated_parameters - parameters).norm()) <= allowed * moved


@needs_simulator
def test_module_says_what_it_runs_on() -> None:
    assert "backend" not in repr(MSDeformAttn())
    assert "backend='ascend-sim', chip='910b4', variant=None" in repr(MSDeformAttn(backend="ascend-sim", chip="910b4"))


@needs_simulator
def test_code_of_the_documentation() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "ascend.md").read_text()
    (block,) = re.findall(r"^```python\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    process = run_script(block + "assert losses[0] > losses[1] > losses[2], losses\n")
    assert process.returncode == 0, process.stderr
