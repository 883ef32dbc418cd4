#!/usr/bin/python3
"""ONNX Runtime, measured by peers.py: peer_onnx.py THREADS FOLDER (common.serve says how they talk).

FOLDER has the models CASE-BATCH.onnx.  Forward passes only: it has no gradients."""

import os
import sys

import numpy as np
import onnxruntime

import common


class Onnx:
    ways = [p.removesuffix("ExecutionProvider") for p in onnxruntime.get_available_providers()]

    def __init__(self, threads, folder):
        self.threads, self.folder, self.made = threads, folder, {}

    def versions(self):
        return {"version": onnxruntime.__version__}

    def session(self, case, batch, way):
        if (case, batch, way) not in self.made:
            options, settings = onnxruntime.SessionOptions(), {}
            options.intra_op_num_threads = self.threads
            if way == "Xnnpack":  # has threads of its own, and says that others must not spin beside them
                settings = {"intra_op_num_threads": str(self.threads)}
                options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            providers = [(way + "ExecutionProvider", settings), ("CPUExecutionProvider", {})]
            self.made[case, batch, way] = onnxruntime.InferenceSession(
                os.path.join(self.folder, f"{case}-{batch}.onnx"), options,
                providers=providers[1:] if way == "CPU" else providers)
        return self.made[case, batch, way]

    def measure(self, case, what, batch, way):
        session, rng = self.session(case, batch, way), np.random.default_rng(0)
        given = {i.name: rng.standard_normal(i.shape).astype(np.float32) for i in session.get_inputs()}
        return common.timed(lambda: session.run(None, given), batch)

    def outputs(self, case, network, way, given):
        session = self.session(case, len(given["x"]), way)
        given = {i.name: np.array(given[i.name], np.float32) for i in session.get_inputs()}
        return {"y": session.run(None, given)[0].tolist()}


if __name__ == "__main__":
    common.serve(Onnx(int(sys.argv[1]), sys.argv[2]))
