# SPDX-License-Identifier: Apache-2.0
# private_sentencepiece, private_sentencepiece_train: copies of the distribution's libraries whose
# bundled protobuf cannot meet gRPC's in one process (ADR 0008).

find_package(Python3 REQUIRED COMPONENTS Interpreter)
foreach(library sentencepiece sentencepiece_train)
  find_library(LARDER_SYSTEM_${library} ${library} REQUIRED)
  set(copy ${CMAKE_BINARY_DIR}/lib/lib${library}.so.0)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
  execute_process(
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/private_protobuf.py
      ${LARDER_SYSTEM_${library}} ${copy}
    COMMAND_ERROR_IS_FATAL ANY)
  add_library(private_${library} SHARED IMPORTED GLOBAL)
  set_target_properties(private_${library} PROPERTIES
    IMPORTED_LOCATION ${copy} IMPORTED_SONAME lib${library}.so.0)
endforeach()
target_link_libraries(private_sentencepiece_train INTERFACE private_sentencepiece)
