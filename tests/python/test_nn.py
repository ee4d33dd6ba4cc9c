"""The module: Deformable-DETR's parameters, its initial values and its arithmetic.

SPDX-License-Identifier: Apache-2.0
"""

import copy
import io
import math
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor
from xmsda.nn import MSDeformAttn
from xmsda.reference import grid_sample_formulation

LEVELS = [(6, 8), (3, 4)]
PIXELS = 60


def double(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.float64)


@pytest.fixture
def module() -> MSDeformAttn:
    torch.manual_seed(0)
    module = MSDeformAttn(d_model=32, n_levels=2, n_heads=4, n_points=3).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return module


def inputs(last_axis: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    return random(2, 5, 32), random(2, 5, 2, last_axis), random(2, PIXELS, 32)


def test_state_dict_of_deformable_detr() -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in MSDeformAttn().state_dict().items()}
    assert shapes == {
        "sampling_offsets.weight": (256, 256),
        "sampling_offsets.bias": (256,),
        "attention_weights.weight": (128, 256),
        "attention_weights.bias": (128,),
        "value_proj.weight": (256, 256),
        "value_proj.bias": (256,),
        "output_proj.weight": (256, 256),
        "output_proj.bias": (256,),
    }


def test_initial_values() -> None:
    module = MSDeformAttn(d_model=64, n_levels=3, n_heads=8, n_points=4)
    offsets = module.sampling_offsets.bias.detach().view(8, 3, 4, 2)
    # Eight heads look along the axes and diagonals, point p is p + 1 steps away, on every level alike.
    directions = torch.tensor([[1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1]])
    for point in range(4):
        expected = (directions * (point + 1)).float()[:, None].expand(8, 3, 2)
        torch.testing.assert_close(offsets[:, :, point], expected)
    for zero in (module.sampling_offsets.weight, module.attention_weights.weight, module.attention_weights.bias,
                 module.value_proj.bias, module.output_proj.bias):  # fmt: skip
        assert not zero.any()
    limit = math.sqrt(6 / 128)  # Xavier's, for 64 inputs and 64 outputs
    for projection in (module.value_proj, module.output_proj):
        assert 0.9 * limit < projection.weight.abs().max() <= limit


@pytest.mark.parametrize("last_axis", [2, 4])
def test_forward_and_gradients(module: MSDeformAttn, last_axis: int, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = inputs(last_axis)
    output = module(*arguments, LEVELS)
    output.sum().backward()
    grads = {name: parameter.grad for name, parameter in module.named_parameters()}
    module.zero_grad()

    query, references, flat = arguments
    offsets = module.sampling_offsets(query).view(2, 5, 4, 2, 3, 2)
    weights = module.attention_weights(query).view(2, 5, 4, 6).softmax(-1).view(2, 5, 4, 2, 3)
    references = references[:, :, None, :, None]
    if last_axis == 2:
        locations = references + offsets / torch.tensor([[8, 6], [4, 3]])[:, None]
    else:
        locations = references[..., :2] + offsets / 3 * references[..., 2:] / 2
    value = module.value_proj(flat).view(2, PIXELS, 4, 8)
    expected = module.output_proj(grid_sample_formulation(value, LEVELS, None, locations, weights))
    torch.testing.assert_close(output, expected, rtol=1e-12, atol=1e-12)
    expected.sum().backward()
    for name, parameter in module.named_parameters():
        torch.testing.assert_close(grads[name], parameter.grad, rtol=1e-11, atol=1e-11)


def test_level_metadata_as_tensors(module: MSDeformAttn) -> None:
    arguments = inputs(2)
    expected = module(*arguments, LEVELS)
    assert torch.equal(module(*arguments, torch.tensor(LEVELS), torch.tensor([0, 48])), expected)


def test_padding_counts_as_zero(module: MSDeformAttn) -> None:
    query, references, flat = inputs(2)
    mask = torch.zeros(2, PIXELS, dtype=torch.bool)
    mask[:, 40:] = True
    output = module(query, references, flat, LEVELS, None, mask)
    assert not torch.equal(output, module(query, references, flat, LEVELS))
    flat[:, 40:] = 1e6
    assert torch.equal(module(query, references, flat, LEVELS, None, mask), output)


def test_copies(module: MSDeformAttn) -> None:
    arguments = inputs(2)
    expected = module(*arguments, LEVELS)
    assert torch.equal(copy.deepcopy(module)(*arguments, LEVELS), expected)
    assert torch.equal(pickle.loads(pickle.dumps(module))(*arguments, LEVELS), expected)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    loaded = MSDeformAttn(d_model=32, n_levels=2, n_heads=4, n_points=3).double()
    loaded.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(loaded(*arguments, LEVELS), expected)


def test_autocast_trains(module: MSDeformAttn) -> None:
    module = module.float()
    query, references, flat = (tensor.float() for tensor in inputs(2))
    exact = module(query, references, flat, LEVELS)
    with torch.autocast("cpu", torch.bfloat16):
        output = module(query, references, flat, LEVELS)
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), exact, rtol=0.05, atol=0.05)
    output.sum().backward()
    for parameter in module.parameters():
        assert parameter.grad is not None
        assert parameter.grad.dtype == torch.float32
        assert parameter.grad.isfinite().all()


def test_bfloat16_module(module: MSDeformAttn) -> None:
    low = copy.deepcopy(module).bfloat16()
    query, references, flat = inputs(2)
    exact = module(query, references, flat, LEVELS)
    output = low(query.bfloat16(), references.float(), flat.bfloat16(), LEVELS)
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output.double(), exact, rtol=0.1, atol=0.1)


def test_compile(module: MSDeformAttn) -> None:
    arguments = inputs(4)
    torch.testing.assert_close(torch.compile(module, fullgraph=True)(*arguments, LEVELS), module(*arguments, LEVELS))


def test_loads_the_checkpoint_of_a_transformers_model() -> None:
    modeling = pytest.importorskip("transformers.models.deformable_detr.modeling_deformable_detr")
    configuration = pytest.importorskip("transformers.models.deformable_detr.configuration_deformable_detr")
    config = configuration.DeformableDetrConfig(d_model=32, num_feature_levels=2)
    theirs = modeling.DeformableDetrMultiscaleDeformableAttention(config, num_heads=4, n_points=3)
    ours = MSDeformAttn(d_model=32, n_levels=2, n_heads=4, n_points=3)
    ours.load_state_dict(theirs.state_dict())
    query, references, flat = (tensor.float() for tensor in inputs(2))
    output, _ = theirs(
        query,
        encoder_hidden_states=flat,
        reference_points=references,
        spatial_shapes=torch.tensor(LEVELS),
        spatial_shapes_list=LEVELS,
        level_start_index=torch.tensor([0, 48]),
    )
    torch.testing.assert_close(ours(query, references, flat, LEVELS), output)


@pytest.mark.parametrize("name", ["d_model", "n_levels", "n_heads", "n_points"])
@pytest.mark.parametrize("size", [0, -1])
def test_sizes_below_one(name: str, size: int) -> None:
    with pytest.raises(ValueError, match=f"^{name}: expected at least 1, got {size}$"):
        MSDeformAttn(**{name: size})  # type: ignore[arg-type]


def test_d_model_must_be_a_multiple() -> None:
    with pytest.raises(ValueError, match=r"^d_model: expected a multiple of n_heads = 8, got 60$"):
        MSDeformAttn(d_model=60)


# What is changed of a good call, and the message.
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "query type": ({"query": [0.0]}, r"query: expected a tensor \[B, Q, d_model\], got list"),
    "query rank": ({"query": double(5, 32)}, r"query: expected \[B, Q, d_model\] = \[any, any, 32\], got \[5, 32\]"),
    "query channels": ({"query": double(2, 5, 16)}, r"query: expected .* = \[any, any, 32\], got \[2, 5, 16\]"),
    "flat rank": (
        {"input_flatten": double(60, 32)},
        r"input_flatten: expected \[B, S, d_model\] = \[2, any, 32\], got",
    ),
    "flat batch": (
        {"input_flatten": double(1, 60, 32)},
        r"input_flatten: expected .*\[2, any, 32\], got \[1, 60, 32\]",
    ),
    "flat too short": (
        {"input_flatten": double(2, 59, 32)},
        r"input_spatial_shapes\[1\]: expected a level inside the 59 pixels of input_flatten, got 3 x 4 pixels from 48",
    ),
    "level too large": (
        {"input_spatial_shapes": [(6, 8), (3, 5)]},
        r"input_spatial_shapes\[1\]: expected a level inside the 60 pixels of input_flatten, got 3 x 5 pixels from 48",
    ),
    "level of no height": (
        {"input_spatial_shapes": [(6, 8), (0, 4)]},
        r"input_spatial_shapes\[1\]: expected height and width of at least 1, got 0 x 4",
    ),
    "level count": (
        {"input_spatial_shapes": [(6, 8)]},
        r"input_spatial_shapes: expected \[L, 2\] = \[2, 2\], got \[1, 2\]",
    ),
    "level count of a tensor": (
        {"input_spatial_shapes": torch.ones(3, 2, dtype=torch.int64)},
        r"input_spatial_shapes: expected \[L, 2\] = \[2, 2\], got \[3, 2\]",
    ),
    "levels of float": (
        {"input_spatial_shapes": [(6, 8), (3, 4.5)]},
        r"input_spatial_shapes: expected a tensor \[L, 2\] or a sequence of pairs of integers, got \[",
    ),
    "levels of a float tensor": (
        {"input_spatial_shapes": torch.ones(2, 2)},
        "input_spatial_shapes: expected int64 or int32, got float32",
    ),
    "levels number": ({"input_spatial_shapes": 24}, "input_spatial_shapes: expected a tensor .*, got 24"),
    "start past the end": (
        {"input_level_start_index": [0, 49]},
        r"input_level_start_index\[1\]: expected a level inside the 60 pixels of input_flatten, got .* from 49",
    ),
    "start of float": ({"input_level_start_index": [0, 48.5]}, "input_level_start_index: expected a tensor .*48.5"),
    "start count": ({"input_level_start_index": [0]}, r"input_level_start_index: expected \[L\] = \[2\], got \[1\]"),
    "reference levels": (
        {"reference_points": double(2, 5, 3, 2)},
        r"reference_points: expected \[B, Q, L, 2 or 4\] = \[2, 5, 2, any\], got \[2, 5, 3, 2\]",
    ),
    "reference queries": (
        {"reference_points": double(2, 4, 2, 2)},
        r"reference_points: expected .*, got \[2, 4, 2, 2\]",
    ),
    "reference last axis": (
        {"reference_points": double(2, 5, 2, 3)},
        r"reference_points: expected a last axis of 2 \(points\) or 4 \(boxes\), got 3",
    ),
    "mask shape": (
        {"input_padding_mask": torch.zeros(2, 59, dtype=torch.bool)},
        r"input_padding_mask: expected \[B, S\] = \[2, 60\], got \[2, 59\]",
    ),
    "mask dtype": (
        {"input_padding_mask": torch.zeros(2, 60)},
        "input_padding_mask: expected torch.bool, got torch.float32",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_argument(module: MSDeformAttn, name: str) -> None:
    changed, message = BAD[name]
    good = dict(zip(("query", "reference_points", "input_flatten"), inputs(2), strict=True))
    arguments: dict[str, Any] = {**good, "input_spatial_shapes": LEVELS, **changed}
    with pytest.raises((ValueError, TypeError), match=f"^{message}") as caught:
        module(**arguments)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("sizes", [(0, 5), (2, 0)], ids=["no batch", "no queries"])
def test_nothing_to_attend(module: MSDeformAttn, sizes: tuple[int, int]) -> None:
    batch, queries = sizes
    output = module(double(batch, queries, 32), double(batch, queries, 2, 2), double(batch, PIXELS, 32), LEVELS)
    assert output.shape == (batch, queries, 32)


def test_repr_tells_the_sizes() -> None:
    assert "d_model=32, n_levels=2, n_heads=4, n_points=3" in repr(MSDeformAttn(32, 2, 4, 3))


def test_mask_of_value_is_not_written_through(module: MSDeformAttn) -> None:
    query, references, flat = inputs(2)
    before = flat.clone()
    module(query, references, flat, LEVELS, None, torch.ones(2, PIXELS, dtype=torch.bool))
    assert torch.equal(flat, before)
