#include "Commands.h"
#include "Options.h"
namespace selfopt::run {
llvm::cl::SubCommand searchCommand("search", "x"), replayCommand("replay", "x"), digestCommand("digest", "x");
int searchMain() { return usage; }
int replayMain() { return usage; }
int digestMain() { return usage; }
}
