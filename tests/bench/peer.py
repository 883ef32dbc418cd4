#!/usr/bin/python3
"""PyTorch of an environment, measured by peers.py: peer.py THREADS (common.serve says how they talk)."""

import sys
import warnings

import torch

import common
import pytorch

CASES = {  # name: model, guide; peers.py writes those of build/bench
    "mnist-ddpm": ("models/zoo/mnist-ddpm", "models/zoo/mnist-cnn"),
    "ddpm-cifar10-32": ("build/bench/ddpm-cifar10-32", "build/bench/cifar-cnn"),
    "faces-ddpm": ("models/zoo/faces-ddpm", "models/zoo/faces-clip"),
}


class Forward(torch.nn.Module):
    """A U-Net for the exporter.  The sines of t are given (as are peers.py's): ONNX Runtime has none of
    64 bits."""

    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, x, sines):
        self.unet.time_features = lambda t, dim: sines
        return self.unet.forward(x, sines[:, 0], None)


class Torch:
    ways = list(pytorch.FORMATS)

    def __init__(self):
        self.made = {}

    def versions(self):
        return {"version": torch.__version__, "BLAS": pytorch.blas()}

    def guided(self, case, batch, way):
        return pytorch.Guided(*CASES[case], batch, pytorch.FORMATS[way])

    def measure(self, case, what, batch, way):
        key = case, what == "training", batch, way
        if key not in self.made:
            self.made[key] = (pytorch.Training(CASES[case][0], pytorch.FORMATS[way]) if what == "training"
                              else self.guided(case, batch, way))
        return common.timed(getattr(self.made[key], what), batch)

    def outputs(self, case, network, way, given):
        """What a network gives for x and t, and the gradient of its product with gy to x."""
        given = {k: torch.tensor(v, dtype=torch.float32) for k, v in given.items()}
        step, x = self.guided(case, len(given["x"]), way), given["x"].requires_grad_()
        y = {"model": step.eps, "guide": step.judge}[network](x, given.get("t"))
        return {"y": y.tolist(), "gx": torch.autograd.grad(y, x, given["gy"])[0].tolist()}

    def export(self, case, batch, path):
        step = self.guided(case, batch, "contiguous")
        sines = step.unet.time_features(step.t, step.unet.config["block_out_channels"][0])
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # shapes become constants, as they are here
            torch.onnx.export(Forward(step.unet), (step.x, sines), path, input_names=["x", "sines"],
                              output_names=["y"], opset_version=17)


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(int(sys.argv[1]))
    common.serve(Torch())
