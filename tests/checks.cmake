# What the commands say, and what is checked about the sources themselves: who includes whom, and that
# each header can be included alone. A unit's header is the first that its source includes (the layer test sees to it);
# the headers without a source are compiled here.
add_test(NAME layers COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/checks/layers.sh ${CMAKE_SOURCE_DIR})
add_test(NAME setup_waits COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/checks/setup_waits.sh
                                  ${CMAKE_CURRENT_LIST_DIR}/setup.sh)
if(TARGET outrider)
  add_test(NAME command_line
           COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/checks/command_line.sh $<TARGET_FILE:outrider>)
endif()

# With the tools of others, where they are: python3-jsonschema and python3-yaml, prometheus and curl.
find_program(PYTHON3 python3)
find_program(PROMTOOL promtool)
find_program(CURL curl)
if(PYTHON3 AND TARGET outrider)
  execute_process(COMMAND ${PYTHON3} -c "import jsonschema, yaml; jsonschema.Draft202012Validator"
                  RESULT_VARIABLE no_validator OUTPUT_QUIET ERROR_QUIET)
  file(GLOB configurations CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/examples/*/*.yaml)
  if(no_validator EQUAL 0)
    add_test(NAME schema COMMAND ${PYTHON3} ${CMAKE_CURRENT_LIST_DIR}/checks/schema.py
                                 $<TARGET_FILE:outrider> ${configurations})
  endif()
endif()
if(PROMTOOL AND CURL AND TARGET outrider)
  add_test(NAME metrics
           COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/checks/metrics.sh $<TARGET_FILE:outrider>)
endif()

file(GLOB_RECURSE headers CONFIGURE_DEPENDS
  ${CMAKE_SOURCE_DIR}/proxy/*.hpp ${CMAKE_SOURCE_DIR}/filters/*.hpp
  ${CMAKE_SOURCE_DIR}/config/*.hpp ${CMAKE_SOURCE_DIR}/certs/*.hpp)
set(alone "")
foreach(path ${headers})
  string(REGEX REPLACE "\\.hpp$" ".cpp" unit ${path})
  if(EXISTS ${unit})
    continue()
  endif()
  file(RELATIVE_PATH header ${CMAKE_SOURCE_DIR} ${path})
  string(REPLACE "/" "_" name ${header})
  set(source ${CMAKE_CURRENT_BINARY_DIR}/alone/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "#include \"@header@\"\n" @ONLY)
  list(APPEND alone ${source})
endforeach()
if(NOT OUTRIDER_SANITIZE)
  add_library(headers_alone OBJECT ${alone})
  target_link_libraries(headers_alone PRIVATE outrider_process)
  set_target_properties(headers_alone PROPERTIES UNITY_BUILD OFF)
endif()
