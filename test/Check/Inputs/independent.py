"""independent.py none|all FILE...: whether the lists of symbols name none, or all, of what a checker must not link."""
import re
import sys

FORBIDDEN = {
    "the mutation engine": r"selfopt::(mutate|applyMutation|applyLineage|editProgram|registerMutationModels)\(|::applyTo\(mlir::ModuleOp\)",
    "the JIT": r"selfopt::codegen::|selfopt::Executable::|selfopt::loadProgram\(",
    "an object linker": r"llvm::(orc|jitlink|ExecutionEngine)|LLVMInitialize\w+(Target|AsmPrinter)",
    "the planner": r"selfopt::plan::planProgram\(|selfopt::planTraining\(",
    "the search": r"selfopt::(Searcher|Archive|WorkerPool|Workbench)\b|selfopt::certifyCandidate\(",
    "SQLite": r"\bsqlite3_",
    # What only looks for evidence, or refutes: in a checker, evidence is the certificate's, and verified.
    "the search for proofs": r"selfopt::(searchPotential|searchGoals|findImproperWitness|enableProofSearch|"
                             r"updaterule::(searchRule|findWitness))\b",
    "what only a search makes of policies and specs": r"selfopt::(SpecDigester::|printSpec|allHold)\b",
}

mode, *files = sys.argv[1:]
text = "".join(open(name).read() for name in files)
assert re.search(r"selfopt::checkCertificate\b", text) or mode == "all", "expected the symbols of selfopt-check"
wrong = []
for what, pattern in FORBIDDEN.items():
    found = re.search(rf"^.*({pattern}).*$", text, re.M)
    if bool(found) != (mode == "all"):
        wrong.append(f"{what}: expected {mode}, found {found.group(0).strip() if found else 'nothing'}")
print("\n".join(wrong))
sys.exit(bool(wrong))
