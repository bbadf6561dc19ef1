#!/usr/bin/env python3
"""Measures ONNX Runtime on the texts that benches/embed.rs hands over, with the same weights; prints a JSON table.

Needs the packages onnx, onnxruntime, tokenizers and numpy. The graph is written here, straight from model.safetensors, with the
fused operators that ONNX Runtime's own optimiser for BERT makes, so that the comparison is with its best.
"""

import json
import logging
import sys
import tempfile
import time
from pathlib import Path

try:
    import numpy
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from tokenizers import Tokenizer
except ImportError as error:
    sys.exit(f"{error}. Install it: {sys.executable} -m pip install onnx onnxruntime tokenizers numpy")

HEADS = 12
LAYERS = 6
MAX_TOKENS = 256
BATCH = 8
CONTRIB = "com.microsoft"


def read_safetensors(path):
    data = path.read_bytes()
    header_end = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:header_end]).items():
        if entry.get("dtype") == "F32":
            start, end = (header_end + offset for offset in entry["data_offsets"])
            tensors[name] = numpy.frombuffer(data[start:end], numpy.float32).reshape(entry["shape"])
    return tensors


def write_graph(weights, path):
    constants, nodes = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(numpy.ascontiguousarray(value), name))
        return name

    def node(kind, inputs, output, domain="", **attributes):
        nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def weight(name):
        return constant(name + ".weight", weights[name + ".weight"].T)

    def plain(name):
        return constant(name, weights[name])

    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    norm = "embeddings.LayerNorm"
    inputs = ["ids", "", plain("embeddings.word_embeddings.weight"), constant("positions", positions), ""]
    inputs += [plain(norm + ".weight"), plain(norm + ".bias")]
    nodes.append(helper.make_node("EmbedLayerNormalization", inputs, ["x", "unused"], domain=CONTRIB, epsilon=1e-12))
    x = "x"
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}."
        parts = [at + "attention.self." + part for part in ("query", "key", "value")]
        joined = constant(at + "qkv", numpy.concatenate([weights[part + ".weight"].T for part in parts], axis=1))
        joined_bias = constant(at + "qkv.bias", numpy.concatenate([weights[part + ".bias"] for part in parts]))
        gathered = node("Attention", [x, joined, joined_bias, "mask"], at + "gathered", CONTRIB, num_heads=HEADS)
        for part, source in ((at + "attention.output", gathered), (at + "output", None)):
            if source is None:
                up = node("MatMul", [x, weight(at + "intermediate.dense")], at + "up")
                source = node("BiasGelu", [up, plain(at + "intermediate.dense.bias")], at + "wide", CONTRIB)
            product = node("MatMul", [source, weight(part + ".dense")], part + ".product")
            inputs = [product, x, plain(part + ".LayerNorm.weight"), plain(part + ".LayerNorm.bias"), plain(part + ".dense.bias")]
            x = node("SkipLayerNormalization", inputs, part + ".normed", CONTRIB, epsilon=1e-12)
    shape = ["batch", "tokens"]
    graph = helper.make_graph(
        nodes,
        "bert",
        [helper.make_tensor_value_info(name, TensorProto.INT32, shape) for name in ("ids", "mask")],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [*shape, 384])],
        constants,
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid(CONTRIB, 1)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)


class Engine:
    def __init__(self, path, threads, tokenizer):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.tokenizer = tokenizer

    def embed(self, texts):
        """Sorted by length, in small padded batches: the best that padding allows."""
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        vectors = numpy.empty((len(ids), 384), numpy.float32)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            longest = len(ids[batch[-1]])
            padded = numpy.array([ids[i] + [0] * (longest - len(ids[i])) for i in batch], numpy.int32)
            mask = numpy.array([[1] * len(ids[i]) + [0] * (longest - len(ids[i])) for i in batch], numpy.int32)
            hidden = self.session.run(None, {"ids": padded, "mask": mask})[0]
            means = (hidden * mask[..., None]).sum(1)
            vectors[batch] = means / numpy.linalg.norm(means, axis=1, keepdims=True)
        return vectors


def measure(name, engine, task):
    vectors = engine.embed(task["sets"][-1])
    cosine = float((vectors * numpy.array(task["vectors"])).sum(1).min())
    if "fp32" in name and cosine < 0.999:
        sys.exit(f"{name} computes something else: its vectors have a cosine of {cosine} to ours.")
    times = []
    for question in task["questions"]:
        start = time.perf_counter()
        engine.embed([question])
        times.append((time.perf_counter() - start) * 1000)
    times.sort()
    rates = []
    for texts in task["sets"]:
        wall, cpu = time.perf_counter(), time.process_time()
        engine.embed(texts)
        rates.append([len(texts) / (time.perf_counter() - wall), len(texts) / (time.process_time() - cpu)])
    p50, p95 = times[len(times) // 2], times[len(times) * 95 // 100]
    return {"name": f"{name}, cosine to ours {cosine:.4f}", "p50": p50, "p95": p95, "rates": rates}


def main():
    task = json.loads(Path(sys.argv[1]).read_text())
    model = Path(task["model"])
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    onnxruntime.set_default_logger_severity(3)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        single, quantized = f"{scratch}/single.onnx", f"{scratch}/int8.onnx"
        write_graph(read_safetensors(model / "model.safetensors"), single)
        # It recommends a preparation that this graph, written for it, does not need.
        logging.disable(logging.WARNING)
        products = ["MatMul", "Attention"]
        options = {"DefaultTensorType": TensorProto.FLOAT}
        quantize_dynamic(single, quantized, products, per_channel=True, weight_type=QuantType.QInt8, extra_options=options)
        for kind, path in (("fp32", single), ("int8", quantized)):
            for threads in (1, 2):
                name = f"ONNX Runtime {onnxruntime.__version__} {kind}, {threads} threads"
                rows.append(measure(name, Engine(path, threads, tokenizer), task))
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
