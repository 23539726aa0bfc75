"""Every FILE.onnx of a folder: accepted by onnx.checker, and equal in onnxruntime to FILE.json.

The difference is relative to the entry, or to the root mean square of its column where that is
larger: an entry that is a sum of cancelling terms is no measure of its error.
"""
import json, pathlib, sys

try:
    import numpy, onnx, onnxruntime
except ImportError as error:
    print(error)
    sys.exit(77)

TYPES = {"tensor(float)": numpy.float32, "tensor(double)": numpy.float64, "tensor(string)": object}
files = sorted(pathlib.Path(sys.argv[1]).glob("*.onnx"))
worst = 0.0
for file in files:
    onnx.checker.check_model(onnx.load(file), full_check=True)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    case = json.loads(file.with_suffix(".json").read_text())
    feed = {}
    for value in session.get_inputs():
        rows = case["inputs"][value.name]
        array = numpy.array([[numpy.nan if x is None else x for x in row] for row in rows],
                            dtype=TYPES[value.type])
        # Rows are tables but where the case says otherwise.
        feed[value.name] = array.reshape(case.get("shape", array.shape))
    for value, found in zip(session.get_outputs(), session.run(None, feed)):
        if value.type == "tensor(string)":
            wrong = sum(a != b for a, b in zip(found.tolist(), case["labels"]))
            assert wrong == 0 and len(found) == len(case["labels"]), f"{file.name}: {wrong} labels"
            continue
        wanted = numpy.array(case["output"])
        found = found.reshape(len(found), -1) if "shape" in case else found
        assert found.shape == wanted.shape, (file.name, found.shape, wanted.shape)
        usual = numpy.sqrt((wanted**2).mean(axis=0, keepdims=True))
        scale = numpy.maximum(numpy.maximum(numpy.abs(wanted), usual), 1e-30)
        difference = float((numpy.abs(found - wanted) / scale).max())
        worst = max(worst, difference)
        print(f"{file.stem:<28}{len(wanted):>6} rows {difference:9.1e}")
        assert difference <= 1e-5, f"{file.name}: {difference}"
print(f"{len(files)} graphs, largest relative difference {worst:.1e}")
