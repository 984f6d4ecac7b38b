import os

import lit.formats

config.name = "SelfOpt"
config.test_format = lit.formats.ShTest(not bool(int(os.environ.get("LIT_EXTERNAL_SHELL", "0"))))
config.suffixes = [".mlir", ".test"]
config.excludes = ["unit", "fuzz", "bench", "Inputs", "attacks"]
config.test_source_root = os.path.dirname(__file__)

path = [os.path.join(config.selfopt_build, "bin"), config.llvm_tools, config.environment.get("PATH", os.environ["PATH"])]
config.environment["PATH"] = os.pathsep.join(path)
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "SELFOPT_CACHE_DIR", "SELFOPT_DATA_DIR", "HOME"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

# The whole suite also runs once with every module printed, parsed and compared.
options = " --verify-roundtrip" if os.environ.get("SELFOPT_VERIFY_ROUNDTRIP") else ""
config.substitutions.append((r"\bselfopt-opt\b", "selfopt-opt" + options))
config.substitutions.append(("%examples", os.path.join(config.selfopt_source, "docs", "examples")))
config.substitutions.append(("%docs", os.path.join(config.selfopt_source, "docs")))
config.substitutions.append(("%source", config.selfopt_source))

if os.path.exists(os.path.join(config.selfopt_build, "data", "digits.csv.gz")):
    config.available_features.add("sklearn-data")
if os.path.exists("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"):
    config.available_features.add("fashion-data")
