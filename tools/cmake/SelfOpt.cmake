# Build helpers. `selfopt_library` and `selfopt_tool` are the only two ways that targets are made here.

# -fPIC for all, executables too, so that one precompiled header fits every target.
add_compile_options(-fPIC -fno-exceptions -fno-semantic-interposition -Wall -Wno-unused-parameter)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  add_compile_options(-Wno-ctad-maybe-unsupported)
  add_link_options(-fuse-ld=lld)
endif()
if(SELFOPT_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr,function -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=address,undefined)
endif()

# One precompiled header for the whole project. Headers stay light all the same: SELFOPT_PCH=OFF must build too.
function(selfopt_use_pch target)
  if(NOT SELFOPT_PCH)
    return()
  endif()
  if(NOT TARGET SelfOptPCH)
    file(WRITE ${CMAKE_BINARY_DIR}/pch.cpp "")
    add_library(SelfOptPCH OBJECT ${CMAKE_BINARY_DIR}/pch.cpp)
    target_precompile_headers(SelfOptPCH PRIVATE ${CMAKE_SOURCE_DIR}/tools/cmake/Precompiled.h)
    # Time stamps out of the header, so that ccache can reuse what depends on it.
    target_compile_options(SelfOptPCH PUBLIC "SHELL:-Xclang -fno-pch-timestamp")
  endif()
  target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  target_precompile_headers(${target} REUSE_FROM SelfOptPCH)
endfunction()

# selfopt_library(Name sources... [LIBS other targets...])
function(selfopt_library name)
  cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  add_dependencies(${name} SelfOptTableGen)
  # The shared libraries, both by name: MLIR alone ends in "DSO missing from command line".
  target_link_libraries(${name} PUBLIC ${ARG_LIBS} MLIR LLVM)
  selfopt_use_pch(${name})
endfunction()

# selfopt_tool(name sources... [LIBS targets...])
function(selfopt_tool name)
  cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  add_dependencies(${name} SelfOptTableGen)
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} MLIR LLVM)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  selfopt_use_pch(${name})
endfunction()
