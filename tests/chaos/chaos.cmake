# Scripts that break what is around the binary; those that need privileges skip, saying so. A build for
# release has the time for the whole of each.
set(chaos_environment "OUTRIDER=$<TARGET_FILE:outrider>")
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  list(APPEND chaos_environment "OUTRIDER_STOPPED_FOR=60" "OUTRIDER_SECONDS=20")
endif()
if(OUTRIDER_SANITIZE)
  list(APPEND chaos_environment "OUTRIDER_SANITIZED=1")
endif()
file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.sh)
foreach(script ${scripts})
  get_filename_component(name ${script} NAME_WE)
  add_test(NAME chaos_${name} COMMAND sh ${script})
  set_tests_properties(chaos_${name} PROPERTIES TIMEOUT 180 SKIP_RETURN_CODE 77
    ENVIRONMENT "${chaos_environment}")
endforeach()
