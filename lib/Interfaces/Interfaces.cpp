//===- Interfaces.cpp - Definitions of the interfaces --------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Reference/Tensor.h"

#include "SelfOpt/Interfaces/Interfaces.cpp.inc"
