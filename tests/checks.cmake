# What is checked about the sources themselves: who includes whom, and that each header can be
# included alone.
add_test(NAME layers COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/checks/layers.sh ${CMAKE_SOURCE_DIR})

file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
  ${CMAKE_SOURCE_DIR}/proxy/*.hpp ${CMAKE_SOURCE_DIR}/filters/*.hpp
  ${CMAKE_SOURCE_DIR}/config/*.hpp ${CMAKE_SOURCE_DIR}/certs/*.hpp)
foreach(header ${headers})
  string(REPLACE "/" "_" name ${header})
  set(source ${CMAKE_CURRENT_BINARY_DIR}/alone/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "#include \"@header@\"\n" @ONLY)
  list(APPEND alone ${source})
endforeach()
if(NOT OUTRIDER_SANITIZE)
  add_library(headers_alone OBJECT ${alone})
  target_link_libraries(headers_alone PRIVATE outrider_server)
endif()
