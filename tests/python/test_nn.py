"""The module: Deformable-DETR's parameters, its initial values and its arithmetic.

SPDX-License-Identifier: Apache-2.0
"""

import copy
import io
import math
import pickle

import pytest
import torch
from torch import Tensor
from xmsda.nn import MSDeformAttn
from xmsda.reference import grid_sample_formulation

LEVELS = [(6, 8), (3, 4)]
PIXELS = 60


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


def test_bad_arguments(module: MSDeformAttn) -> None:
    with pytest.raises(ValueError, match="d_model: expected a multiple of n_heads = 8, got 60"):
        MSDeformAttn(d_model=60)
    query, _, flat = inputs(2)
    with pytest.raises(ValueError, match="reference_points: expected a last axis of 2"):
        module(query, torch.rand(2, 5, 2, 3, dtype=torch.float64), flat, LEVELS)
    with pytest.raises(ValueError, match=r"spatial_shapes\[1\]: expected a level inside the 60 pixels of value"):
        module(*inputs(2), [(6, 8), (3, 5)])


def test_repr_tells_the_sizes() -> None:
    assert "d_model=32, n_levels=2, n_heads=4, n_points=3" in repr(MSDeformAttn(32, 2, 4, 3))


def test_mask_of_value_is_not_written_through(module: MSDeformAttn) -> None:
    query, references, flat = inputs(2)
    before = flat.clone()
    module(query, references, flat, LEVELS, None, torch.ones(2, PIXELS, dtype=torch.bool))
    assert torch.equal(flat, before)
