#!/usr/bin/python3
"""One program that peers.py compares with, in an environment of its own: PyTorch, or ONNX Runtime.

    peer.py torch|onnx THREADS

Answers each line of standard input, {"case": ..., "what": ..., "batch": ..., "layout": ...}, by a line:
{"ms": [milliseconds an image, ...]} or, for the outputs of a case, {"y": [...]}; the first line says the
versions.  It computes nothing while it is not asked, so that programs take turns."""

import io
import json
import sys

import numpy as np
import torch

import faces
import pytorch

LAYOUTS = pytorch.FORMATS


def fixed_input(case):
    """The same two images for every program."""
    with open(pytorch.common.ROOT + "/" + pytorch.CASES[case][0] + "/config.json") as f:
        c = json.load(f)
    shape = (2, c["in_channels"], c["sample_size"], c["sample_size"])
    return torch.from_numpy(np.random.RandomState(0).standard_normal(shape).astype("float32"))


class Torch:
    versions = {"pytorch": torch.__version__}

    def __init__(self):
        self.made = {}

    def subject(self, case, batch, layout):
        key = case, batch, layout
        if key not in self.made:
            memory = LAYOUTS[layout]
            if case == "faces":
                faces.BATCH = batch
                self.made[key] = faces.Guided(memory)
            else:
                self.made[key] = pytorch.Guided(*pytorch.CASES[case][:2], batch, memory)
        return self.made[key]

    def function(self, case, what, batch, layout):
        if what == "training":
            return pytorch.Training(pytorch.CASES[case][0], LAYOUTS[layout]).step
        return getattr(self.subject(case, batch, layout), what)

    def outputs(self, case):
        step = self.subject(case, 2, "contiguous")
        step.x = fixed_input(case)
        return step.forward()


class Network(torch.nn.Module):
    """The U-Net for the exporter: weights are constants, t is the measured one."""

    def __init__(self, unet, t):
        super().__init__()
        self.unet, self.t = unet, t

    def forward(self, x):
        return self.unet.forward(x, self.t, None)


class Onnx:
    """Forward passes only: it has no gradients.  The model comes from torch.onnx."""

    def __init__(self):
        import onnxruntime
        self.runtime, self.torch, self.made = onnxruntime, Torch(), {}
        self.versions = {"onnxruntime": onnxruntime.__version__, "exported by pytorch": torch.__version__}

    def session(self, case, batch):
        if (case, batch) not in self.made:
            step, file = self.torch.subject(case, batch, "contiguous"), io.BytesIO()
            with torch.no_grad():
                torch.onnx.export(Network(step.unet, step.t), (step.x,), file, input_names=["x"],
                                  output_names=["y"], opset_version=17)
            options = self.runtime.SessionOptions()
            options.intra_op_num_threads = torch.get_num_threads()
            self.made[case, batch] = self.runtime.InferenceSession(
                file.getvalue(), options, providers=["CPUExecutionProvider"])
        return self.made[case, batch]

    def function(self, case, what, batch, layout):
        session = self.session(case, batch)
        x = self.torch.subject(case, batch, "contiguous").x.numpy()
        return lambda: session.run(None, {"x": x})

    def outputs(self, case):
        return torch.from_numpy(self.session(case, 2).run(None, {"x": fixed_input(case).numpy()})[0])


def main():
    torch.manual_seed(0)
    torch.set_num_threads(int(sys.argv[2]))
    peer = {"torch": Torch, "onnx": Onnx}[sys.argv[1]]()
    print(json.dumps(peer.versions), flush=True)
    for line in sys.stdin:
        ask = json.loads(line)
        if ask["what"] == "outputs":
            answer = {"y": peer.outputs(ask["case"]).flatten().tolist()}
        else:
            f = peer.function(ask["case"], ask["what"], ask["batch"], ask["layout"])
            answer = {"ms": pytorch.timed(f, ask["batch"])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
