"""The doctor tells what really runs: its findings against counted calls, and bad input.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
import transformers_zoo as zoo
import xmsda
from torch import nn
from transformers_check import Counter, patch, run
from xmsda import doctor
from xmsda.integrations import originals
from xmsda.integrations import transformers as integration

pytestmark = pytest.mark.usefixtures("unpatched", "one_thread")


@pytest.mark.parametrize(
    "case", ["deformable_detr", "rt_detr", "rt_detr_v2-discrete", "d_fine-default", "mask2former", "rf_detr"]
)
def test_findings_are_the_modules_that_call_xmsda(case: str, counter: Counter) -> None:
    model, inputs = zoo.build(zoo.CASES[case])
    before = doctor.report(model)
    assert before and not any(finding.runs for finding in before)
    assert all("xmsda.integrations.transformers.patch()" in finding.reason for finding in before)
    with patch(counter):
        findings = doctor.report(model)
        run(model, inputs)
    assert all(finding.runs for finding in findings)
    assert [finding.name for finding in findings] == [finding.name for finding in before]
    assert counter.calls == len(findings)


def test_instance_with_another_forward_falls_back() -> None:
    model, _ = zoo.build(zoo.CASES["rt_detr"])
    layer = next(module for module in model.modules() if type(module).__name__ == "MultiScaleDeformableAttention")
    layer.forward = types.MethodType(lambda self, *args: args[0], layer)
    with integration.patch():
        findings = doctor.report(model)
    assert [finding.runs for finding in findings].count(False) == 1
    assert any("use_kernels=False" in finding.reason for finding in findings)


def test_own_module_and_call_site_of_a_project(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("doctor_project")
    exec(  # a project's module, whose forward looks the function up among its globals
        "import torch\n"
        "class MSDeformAttnFunction(torch.autograd.Function): pass\n"
        "class Attention(torch.nn.Module):\n"
        "    def forward(self, *args): return MSDeformAttnFunction.apply(*args)\n",
        module.__dict__,
    )
    monkeypatch.setitem(sys.modules, "doctor_project", module)
    model = nn.ModuleDict({"ours": xmsda.nn.MSDeformAttn(16, 2, 2, 2), "theirs": module.__dict__["Attention"]()})
    ours, theirs = doctor.report(model)
    assert ours.runs and ours.name == "ours"
    assert not theirs.runs and "originals.install()" in theirs.reason
    with originals.install():
        assert doctor.report(model)[1].runs
    assert not doctor.report(model)[1].runs


@pytest.mark.parametrize("name", ["rt_detr", "DeformableDetrForObjectDetection", "mask2former", "lw_detr"])
def test_model_by_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main([name]) == 0
    printed = capsys.readouterr().out
    running, total = printed.splitlines()[-1].split()[0:3:2]
    assert running == total and int(total) >= 3
    assert integration.patched_modules() == {}
    assert doctor.main([name, "--unpatched"]) == 1
    assert f"0 of {total} modules" in capsys.readouterr().out


def test_model_without_deformable_attention_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["bert"]) == 1
    assert "0 of 0 modules with deformable attention" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["no_such_model", "/no/such/folder", "RTDetrNothing", ""])
def test_bad_model_gets_one_line(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert doctor.main([name]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("xmsda.doctor: MODEL: expected a model type")
    assert captured.err.count("\n") == 1


def test_folder_with_a_broken_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "rt_detr", "decoder_layers": ')
    assert doctor.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_model_that_can_not_be_built_without_timm(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["omdet-turbo"]) == 2
    assert capsys.readouterr().err.startswith("xmsda.doctor: MODEL: 'omdet-turbo' can not be built: ")


def test_report_refuses_what_is_no_model() -> None:
    with pytest.raises(TypeError, match=r"model: expected a torch\.nn\.Module, got str"):
        doctor.report("rt_detr")  # type: ignore[arg-type]


def test_environment_in_a_process_of_its_own() -> None:
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "xmsda.doctor"], capture_output=True, text=True, timeout=300, check=False
    )
    assert process.returncode == 0, process.stderr
    lines = dict(line.split(maxsplit=1) for line in process.stdout.splitlines())
    assert lines["target"].startswith(f"{xmsda.targets()[0]} ran")
    assert lines["xmsda"].startswith(f"{xmsda.__version__}, torch {torch.__version__}")
    assert lines["transformers"]
    process = subprocess.run(
        [sys.executable, "-m", "xmsda.doctor", "--nothing"], capture_output=True, text=True, timeout=300, check=False
    )
    assert (process.returncode, process.stderr) == (2, "xmsda.doctor: unrecognized arguments: --nothing\n")
