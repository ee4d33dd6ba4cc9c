"""Train the small detector with DistributedDataParallel; killed ranks are restarted and go on from the checkpoint.

SPDX-License-Identifier: Apache-2.0

    torchrun --standalone --nproc-per-node 2 --max-restarts 3 examples/train/train.py --steps 300

A batch is two pictures, the labelled photo and its mirror image, whatever the number of processes: one process takes
both, two take one each, and the gradients are the same, because both pictures have the same number of boxes.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from xmsda.demo.model import build_model, save_model
from xmsda.demo.photo import load_voc_photo, to_input
from xmsda.demo.train import BETAS, CLIP_NORM, LEARNING_RATE, WEIGHT_DECAY
from xmsda.integrations.transformers import patch

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=300)
parser.add_argument("--out", type=Path, default=Path("out/train"))
parser.add_argument("--backend", default="gloo", help="gloo on CPUs, nccl or hccl where the devices are (a plug-in's)")
parser.add_argument("--threads", type=int, default=1, help="threads of each process")
options = parser.parse_args()

torch.set_num_threads(options.threads)
dist.init_process_group(options.backend)  # rank, world size and address come from torchrun
rank, world = dist.get_rank(), dist.get_world_size()
if 2 % world:
    raise SystemExit(f"--nproc-per-node: expected 1 or 2 (a batch is two pictures), got {world}")
photo = load_voc_photo()
views = [photo, photo.mirrored()][rank::world]
pixels, labels = torch.cat([to_input(view.pixels) for view in views]), [view.target() for view in views]
model = build_model(photo.class_names, seed=0)
parallel = DistributedDataParallel(model)
optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, BETAS, weight_decay=WEIGHT_DECAY)

options.out.mkdir(parents=True, exist_ok=True)
checkpoint, losses, seconds = options.out / "checkpoint.pt", [], []
if checkpoint.exists():
    state = torch.load(checkpoint, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    losses = state["losses"]
    print(f"rank {rank}: resumed after step {len(losses)}", flush=True)

with patch():
    while len(losses) < options.steps:
        start = time.perf_counter()
        optimizer.zero_grad()
        loss = parallel(pixels, labels=labels).loss
        loss.backward()  # DistributedDataParallel averages the gradients of the processes
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        for group in optimizer.param_groups:  # a linear decay
            group["lr"] = LEARNING_RATE * (1 - len(losses) / max(options.steps, 100))
        optimizer.step()
        mean = loss.detach() / world
        dist.all_reduce(mean)
        losses.append(mean.item())
        seconds.append(time.perf_counter() - start)
        if rank == 0:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "losses": losses}
            torch.save(state, checkpoint.with_suffix(".new"))
            os.replace(checkpoint.with_suffix(".new"), checkpoint)  # never half a file
            print(f"step {len(losses)}: loss {losses[-1]:.4f}", flush=True)

if rank == 0:
    save_model(model, options.out, {"steps": options.steps})
    median = statistics.median(seconds[1:] or seconds or [0.0])
    results = {"processes": world, "threads": options.threads, "seconds_per_step": median, "losses": losses}
    (options.out / "results.json").write_text(json.dumps(results))
dist.barrier()  # no rank leaves while another still needs it
dist.destroy_process_group()
