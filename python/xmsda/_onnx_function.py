"""The body of the ONNX function xmsda::MSDeformAttn: the operator in standard ONNX operators.

SPDX-License-Identifier: Apache-2.0

One body serves every number of levels and every list of points: a Loop over the levels, each a GridSample, whose
weighted sums are added up. It holds one level's samples at a time and computes in float32, whatever the types are.
"""

from __future__ import annotations

from typing import Any

DOMAIN = "xmsda"
OP_TYPE = "MSDeformAttn"
VERSION = 1
# Shape with start and end is of 15, GridSample of 16, ReduceSum's axes as an input of 13, CastLike of 15; 18 is what
# torch's exporter works in.
MIN_OPSET = 18

# u = -8 lies outside of every level by more than a pixel. Numbers beyond [-8, 9] are outside as well: they stay so when
# they are clipped, and no runtime has to convert them to an integer.
_BODY = """
<domain: "xmsda", opset_import: ["" : {opset}]>
MSDeformAttn <points, discrete> (value, spatial_shapes, level_start_index, sampling_locations, attention_weights)
    => (output)
{{
    zero = Constant <value_ints = [0]> ()
    one = Constant <value_ints = [1]> ()
    two = Constant <value_ints = [2]> ()
    three = Constant <value_ints = [3]> ()
    scalar_zero = Constant <value_int = 0> ()
    scalar_one = Constant <value_int = 1> ()
    f_zero = Constant <value_float = 0.0> ()
    f_half = Constant <value_float = 0.5> ()
    f_one = Constant <value_float = 1.0> ()
    f_two = Constant <value_float = 2.0> ()
    f_low = Constant <value_float = -8.0> ()
    f_high = Constant <value_float = 9.0> ()
    batch = Shape <start = 0, end = 1> (value)
    heads = Shape <start = 2, end = 3> (value)
    channels = Shape <start = 3, end = 4> (value)
    queries = Shape <start = 1, end = 2> (sampling_locations)
    rows = Mul (batch, heads)
    level_points = Constant <value_ints: ints = @points> ()
    samples = ReduceSum <keepdims = 1> (level_points, zero)
    point_ends = CumSum (level_points, scalar_zero)
    is_discrete_int = Constant <value_int: int = @discrete> ()
    is_discrete = Cast <to = 9> (is_discrete_int)

    value_f = Cast <to = 1> (value)
    value_t = Transpose <perm = [0, 2, 3, 1]> (value_f)
    locations_f = Cast <to = 1> (sampling_locations)
    locations_shape = Concat <axis = 0> (batch, queries, heads, samples, two)
    locations_5 = Reshape <allowzero = 1> (locations_f, locations_shape)
    locations_t = Transpose <perm = [0, 2, 1, 3, 4]> (locations_5)
    rows_shape = Concat <axis = 0> (rows, queries, samples, two)
    locations_r = Reshape <allowzero = 1> (locations_t, rows_shape)
    weights_f = Cast <to = 1> (attention_weights)
    weights_shape = Concat <axis = 0> (batch, queries, heads, samples)
    weights_4 = Reshape <allowzero = 1> (weights_f, weights_shape)
    weights_t = Transpose <perm = [0, 2, 1, 3]> (weights_4)
    weights_rows = Concat <axis = 0> (rows, one, queries, samples)
    weights_r = Reshape <allowzero = 1> (weights_t, weights_rows)

    sum_shape = Concat <axis = 0> (rows, channels, queries)
    nothing = Expand (f_zero, sum_shape)
    levels_1 = Shape <start = 0, end = 1> (spatial_shapes)
    levels = Squeeze (levels_1, zero)
    shapes = Cast <to = 7> (spatial_shapes)
    starts = Cast <to = 7> (level_start_index)
    true = Constant <value_int = 1> ()
    go = Cast <to = 9> (true)
    summed = Loop (levels, go, nothing) <body = level (int64 index, bool go_in, float[R, D, Q] sum_in)
        => (bool go_out, float[R, D, Q] sum_out) {{
        go_out = Identity (go_in)
        index_1 = Unsqueeze (index, zero)
        side = Gather <axis = 0> (shapes, index)
        height = Slice (side, zero, one)
        width = Slice (side, one, two)
        pixels = Mul (height, width)
        start = Gather <axis = 0> (starts, index_1)
        end = Add (start, pixels)
        plane = Slice (value_t, start, end, three)
        image_shape = Concat <axis = 0> (rows, channels, height, width)
        image = Reshape <allowzero = 1> (plane, image_shape)
        last_point = Gather <axis = 0> (point_ends, index_1)
        count = Gather <axis = 0> (level_points, index_1)
        first_point = Sub (last_point, count)
        here = Slice (locations_r, first_point, last_point, two)
        weight = Slice (weights_r, first_point, last_point, three)
        sampled = If (is_discrete) <then_branch = nearest () => (float[R, D, Q, P] picked) {{
            size_i = Concat <axis = 0> (width, height)
            size = Cast <to = 1> (size_i)
            last = Sub (size, f_one)
            scaled = Mul (here, size)
            shifted = Add (scaled, f_half)
            floor = Max (shifted, f_zero)
            limited = Min (floor, last)
            pixel = Floor (limited)
            # Back to where the centre of that pixel is, unless the location was not finite.
            doubled = Mul (pixel, f_two)
            centre = Add (doubled, f_one)
            divided = Div (centre, size)
            centre_grid = Sub (divided, f_one)
            is_nan = IsNaN (here)
            is_inf = IsInf (here)
            lost = Or (is_nan, is_inf)
            grid_n = Where (lost, f_low, centre_grid)
            picked = GridSample <mode = "nearest", padding_mode = "zeros", align_corners = 0> (image, grid_n)
        }}, else_branch = bilinear () => (float[R, D, Q, P] mixed) {{
            nan = IsNaN (here)
            number = Where (nan, f_low, here)
            near = Clip (number, f_low, f_high)
            twice = Mul (near, f_two)
            grid_b = Sub (twice, f_one)
            mixed = GridSample <mode = "{linear}", padding_mode = "zeros", align_corners = 0> (image, grid_b)
        }}>
        weighted = Mul (sampled, weight)
        level_sum = ReduceSum <keepdims = 0> (weighted, three)
        sum_out = Add (sum_in, level_sum)
    }}>
    merged_channels = Mul (heads, channels)
    merged_shape = Concat <axis = 0> (batch, merged_channels, queries)
    merged = Reshape <allowzero = 1> (summed, merged_shape)
    output_f = Transpose <perm = [0, 2, 1]> (merged)
    output = CastLike (output_f, value)
}}
"""


def function_proto(opset: int) -> Any:
    """The FunctionProto for a model of this version of the standard operators."""
    import onnx.parser

    lines = [line for line in _BODY.splitlines() if not line.lstrip().startswith("#")]
    # GridSample-20 renamed the mode.
    text = "\n".join(lines).format(opset=opset, linear="linear" if opset >= 20 else "bilinear")
    function = onnx.parser.parse_function(text)
    function.doc_string = (
        "Multi-scale deformable attention in standard operators, for runtimes without xmsda's library."
    )
    return function


def schema() -> Any:
    """The operator's ``onnx.defs.OpSchema``; docs/onnx.md says more."""
    from onnx import defs

    floats = ["tensor(float)", "tensor(double)", "tensor(float16)", "tensor(bfloat16)"]
    parameter = defs.OpSchema.FormalParameter
    return defs.OpSchema(
        OP_TYPE,
        DOMAIN,
        VERSION,
        doc="Multi-scale deformable attention.",
        inputs=[
            parameter("value", "T", "[B, S, M, D]"),
            parameter("spatial_shapes", "I", "[L, 2], height and width"),
            parameter("level_start_index", "I", "[L]"),
            parameter("sampling_locations", "T1", "[B, Q, M, L, P, 2] or [B, Q, M, K, 2]"),
            parameter("attention_weights", "T1", "[B, Q, M, L, P] or [B, Q, M, K]"),
        ],
        outputs=[parameter("output", "T", "[B, Q, M*D]")],
        type_constraints=[
            ("T", floats, "any floating-point type"),
            ("T1", floats, "T, or float where T is float16 or bfloat16"),
            ("I", ["tensor(int64)"], "int64"),
        ],
        attributes=[
            defs.OpSchema.Attribute("points", defs.OpSchema.AttrType.INTS, "points of each level", required=True),
            defs.OpSchema.Attribute("discrete", defs.OpSchema.AttrType.INT, "1: the nearest pixel", required=True),
        ],
    )
