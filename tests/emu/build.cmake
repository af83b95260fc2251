# device_cuda_emu: core/device/cuda compiled for the host, with a stand-in for CUDA. An object library:
# a program linked with it has this device where others have the GPU's, or none.
enable_language(CXX)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
file(GLOB kernels CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/core/device/cuda/*.cu)
file(GLOB emulation CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/emu/*.cpp)
set_source_files_properties(${kernels} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-x;c++")
add_library(device_cuda_emu OBJECT ${kernels} ${emulation})
target_include_directories(device_cuda_emu PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/emu/include)
target_compile_options(device_cuda_emu PRIVATE -fno-exceptions -fno-rtti -fno-strict-aliasing
  -Wno-missing-field-initializers -Wno-unknown-pragmas)
target_link_libraries(device_cuda_emu PUBLIC base DNNL::dnnl)

file(GLOB checks CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} emu/check/test_*.cpp)
foreach(source ${checks})
  string(REGEX REPLACE "^.*/test_(.*)\\.cpp$" "unit.cuda.\\1" name ${source})
  add_executable(${name} ${source})
  target_include_directories(${name} PRIVATE ${CMOCKA_INCLUDE} emu emu/include)
  target_link_libraries(${name} device_cuda_emu device ${CMOCKA_LIBRARY})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS unit)
endforeach()

# The trainer on the emulated GPU, for whole jobs; its name is the trainer's.
add_executable(runner-emu ${PROJECT_SOURCE_DIR}/runner/main/main.c)
target_link_libraries(runner-emu device_cuda_emu runner)
set_target_properties(runner-emu PROPERTIES OUTPUT_NAME promptgrid-runner
  RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/emu)
